-- From now on whoever has this name is delivered under the pseudonym.
INSERT INTO erased_names (name_digest, pseudonym) VALUES (:name_digest, :pseudonym) ON CONFLICT DO NOTHING
