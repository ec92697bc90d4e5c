-- For this transaction, casts to a date read 31/10/2021 with the day first, and 2021-10-31 as ever. SQLite has no such casts.
SET LOCAL datestyle = 'ISO, DMY'
