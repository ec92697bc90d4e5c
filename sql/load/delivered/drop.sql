-- It has been looked at.
DROP VIEW :"view"
