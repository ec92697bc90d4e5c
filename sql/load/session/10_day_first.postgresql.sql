-- COPY reads dates of both forms, day first, on the fast path.
SET LOCAL datestyle = 'ISO, DMY'
