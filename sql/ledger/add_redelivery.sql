-- Registers a delivery of bytes that are known: on purpose, or because what came before was taken back.
INSERT INTO loads (load_id, dataset, source, sha256, delivery, bytes, header, rules)
SELECT
    :load_id,
    dataset,
    :source,
    sha256,
    max(delivery) + 1,
    :bytes,
    :header,
    :rules
FROM loads
WHERE dataset = :dataset AND sha256 = :sha256
GROUP BY dataset, sha256
