DROP TABLE IF EXISTS fx_unavailable;
