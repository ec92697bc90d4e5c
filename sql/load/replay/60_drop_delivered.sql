-- In order.
drop_kept(delivered) -- noqa: PRS
