-- A key as rows have it, made of texts as files have them, and as rejects have it: null where a text is none of its column's.
SELECT -- noqa: LT09
    /*:key_columns*/
    '' /*:key*/ AS record_key
FROM ( -- noqa: PRS
    /*:key_records*/
) AS validated
