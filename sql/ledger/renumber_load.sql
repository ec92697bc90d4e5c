-- A discarded load that is wanted after all counts as delivered now: loads that came after it have been published without
-- regard to it. Whatever knows the old number follows.
UPDATE loads SET load_id = :new_load_id WHERE load_id = :load_id
