-- Written down.
DROP TABLE duplicates
