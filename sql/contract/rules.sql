-- Records that break a rule of the dataset's own.
SELECT rules.* -- noqa: RF01
FROM ( -- noqa: PRS
    /*:rules*/
) AS rules
WHERE FALSE /*:any_broken*/
