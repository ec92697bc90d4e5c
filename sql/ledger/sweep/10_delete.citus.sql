-- What a merge took away goes, once nobody begins to read it any more.
DELETE FROM :"stored" WHERE until <= :merge_no
