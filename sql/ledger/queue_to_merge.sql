-- Before rows are merged: what others are staging in place is committed then, and can be seen and made way for.
SELECT take_turn('place ' || :dataset) AS turn
