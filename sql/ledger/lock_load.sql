-- Taken by whoever changes a load's state. Waits for those who stage its chunks.
SELECT * FROM loads WHERE load_id = :load_id /*:for_update*/
