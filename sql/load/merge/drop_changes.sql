-- Written down.
drop_kept(changes) -- noqa: PRS
