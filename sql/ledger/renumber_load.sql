-- A discarded load that is wanted after all counts as delivered now: loads that came after it have been published without
-- regard to it. Nothing but its chunks and rejects knows the old number, and they follow.
UPDATE loads SET load_id = :new_load_id WHERE load_id = :load_id
