-- Whoever else gives this month its key has done so when we have this.
LOCK TABLE :"month" IN ACCESS EXCLUSIVE MODE
