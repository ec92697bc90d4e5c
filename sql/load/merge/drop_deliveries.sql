-- Written down.
drop_kept(deliveries) -- noqa: PRS
