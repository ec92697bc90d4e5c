-- title: /*:title*/ that must not be there
-- severity: warning
-- do: correct them at their source, and deliver them again
-- runbook: records_contradict
-- An example: write the condition that no row may meet, and give the file and this title better names.
SELECT /*:key*/, load_id -- noqa: PRS
FROM /*:table*/ -- noqa: PRS
WHERE /*:condition*/ -- noqa: PRS
ORDER BY /*:key*/ -- noqa: PRS
