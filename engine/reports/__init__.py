"""What commands show, as typed values."""
