-- depends: 0030_receivers

-- When a receiver was named last; null if nobody did since this is kept. One that nobody names any more is pruned.
ALTER TABLE receivers ADD COLUMN IF NOT EXISTS named_at timestamptz;
