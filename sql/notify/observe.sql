-- A subject has another state than it had; of two who see it at once, one notes it. Since when it is in trouble stays, if it was
-- in trouble before.
INSERT INTO notices
(receiver, kind, subject, state, since, changed_at, dataset, what, todo, runbook)
VALUES (:receiver, :kind, :subject, :state, :since, :changed_at, :dataset, :what, :todo, :runbook)
ON CONFLICT (receiver, kind, subject) DO UPDATE SET
    state = excluded.state,
    since = CASE WHEN notices.state = 'ok' THEN excluded.since ELSE notices.since END,
    changed_at = excluded.changed_at,
    what = excluded.what,
    todo = excluded.todo,
    runbook = excluded.runbook
WHERE notices.state <> excluded.state
