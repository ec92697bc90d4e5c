-- All rejects are judged.
DROP TABLE quarantine
