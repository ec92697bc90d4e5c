"""``python -m dbsvc``."""

from dbsvc.cli.main import main

if __name__ == "__main__":
    main()
