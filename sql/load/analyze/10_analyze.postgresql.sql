-- Nobody has looked yet at what is staged, and what follows is planned by it.
ANALYZE :"staged"
