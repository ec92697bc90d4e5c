-- All nodes have the merge: from here on readers go by its number, each from when it is known on his node.
UPDATE :"seen" SET shown = :merge_no
