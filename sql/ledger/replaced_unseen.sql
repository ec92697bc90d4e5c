-- Later loads that may have replaced more rows of a load than is known: rows that it repeated stand under the load that had
-- brought them before. And loads that were taken back after it: such rows may have gone with them.
SELECT DISTINCT replacements.replaced_by_load_id AS load_id
FROM loads AS this
INNER JOIN replacements
    ON this.load_id > replacements.load_id AND this.load_id < replacements.replaced_by_load_id AND replacements.records > 0
INNER JOIN loads AS losing ON replacements.load_id = losing.load_id AND this.dataset = losing.dataset
WHERE this.load_id = :load_id AND this.unchanged + this.superseded > 0
UNION
SELECT reverted.load_id
FROM loads AS this
INNER JOIN loads AS reverted
    ON
        this.dataset = reverted.dataset
        AND this.load_id > reverted.load_id
        AND reverted.status = 'reverted'
        AND this.published_at <= reverted.reverted_at
WHERE this.load_id = :load_id AND (this.unchanged + this.superseded > 0 OR this.out_of_turn)
ORDER BY load_id
