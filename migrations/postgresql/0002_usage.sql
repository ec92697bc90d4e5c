-- depends: 0001_ledger

-- Bills: what customers were charged, as the usage files say it.
-- Amounts: exact decimals, 15 digits before the point, 8 after it; a negative amount is impossible.

INSERT INTO datasets (dataset) VALUES ('usage') ON CONFLICT DO NOTHING;

-- ISO 4217, the codes in use and those that bills of the last years may carry. A new currency is one more row.
CREATE TABLE IF NOT EXISTS currencies (
    code text PRIMARY KEY
);

INSERT INTO currencies (code) VALUES
('AED'), ('AFN'), ('ALL'), ('AMD'), ('ANG'), ('AOA'), ('ARS'), ('AUD'), ('AWG'), ('AZN'),
('BAM'), ('BBD'), ('BDT'), ('BGN'), ('BHD'), ('BIF'), ('BMD'), ('BND'), ('BOB'), ('BOV'),
('BRL'), ('BSD'), ('BTN'), ('BWP'), ('BYN'), ('BZD'), ('CAD'), ('CDF'), ('CHE'), ('CHF'),
('CHW'), ('CLF'), ('CLP'), ('CNY'), ('COP'), ('COU'), ('CRC'), ('CUC'), ('CUP'), ('CVE'),
('CZK'), ('DJF'), ('DKK'), ('DOP'), ('DZD'), ('EGP'), ('ERN'), ('ETB'), ('EUR'), ('FJD'),
('FKP'), ('GBP'), ('GEL'), ('GHS'), ('GIP'), ('GMD'), ('GNF'), ('GTQ'), ('GYD'), ('HKD'),
('HNL'), ('HRK'), ('HTG'), ('HUF'), ('IDR'), ('ILS'), ('INR'), ('IQD'), ('IRR'), ('ISK'),
('JMD'), ('JOD'), ('JPY'), ('KES'), ('KGS'), ('KHR'), ('KMF'), ('KPW'), ('KRW'), ('KWD'),
('KYD'), ('KZT'), ('LAK'), ('LBP'), ('LKR'), ('LRD'), ('LSL'), ('LYD'), ('MAD'), ('MDL'),
('MGA'), ('MKD'), ('MMK'), ('MNT'), ('MOP'), ('MRU'), ('MUR'), ('MVR'), ('MWK'), ('MXN'),
('MXV'), ('MYR'), ('MZN'), ('NAD'), ('NGN'), ('NIO'), ('NOK'), ('NPR'), ('NZD'), ('OMR'),
('PAB'), ('PEN'), ('PGK'), ('PHP'), ('PKR'), ('PLN'), ('PYG'), ('QAR'), ('RON'), ('RSD'),
('RUB'), ('RWF'), ('SAR'), ('SBD'), ('SCR'), ('SDG'), ('SEK'), ('SGD'), ('SHP'), ('SLE'),
('SLL'), ('SOS'), ('SRD'), ('SSP'), ('STN'), ('SVC'), ('SYP'), ('SZL'), ('THB'), ('TJS'),
('TMT'), ('TND'), ('TOP'), ('TRY'), ('TTD'), ('TWD'), ('TZS'), ('UAH'), ('UGX'), ('USD'),
('USN'), ('UYI'), ('UYU'), ('UYW'), ('UZS'), ('VED'), ('VES'), ('VND'), ('VUV'), ('WST'),
('XAF'), ('XAG'), ('XAU'), ('XBA'), ('XBB'), ('XBC'), ('XBD'), ('XCD'), ('XCG'), ('XDR'),
('XOF'), ('XPD'), ('XPF'), ('XPT'), ('XSU'), ('XUA'), ('YER'), ('ZAR'), ('ZMW'), ('ZWG'),
('ZWL')
ON CONFLICT DO NOTHING;

-- One row a bill: its newest delivery. load_id and line_no say which record of which file it was. They are no foreign key:
-- publish holds the load's row locked while it writes them, and a key check a row would cost as much as the insert.
CREATE TABLE IF NOT EXISTS bills (
    bill_date date NOT NULL,
    bill_id bigint NOT NULL CHECK (bill_id >= 0),
    customer_name text NOT NULL CHECK (customer_name <> ''),
    currency text NOT NULL CHECK (length(currency) = 3 AND upper(currency) = currency),
    product1_revenue numeric(23, 8) NOT NULL CHECK (product1_revenue >= 0),
    product2_revenue numeric(23, 8) NOT NULL CHECK (product2_revenue >= 0),
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    -- the logical key: a bill exists once. Ids may restart each day, so the date belongs to it; and it leads, because
    -- files come, and reports ask, day by day.
    PRIMARY KEY (bill_date, bill_id)
);

-- Deliveries of a bill that are not the newest: replaced by a later load, or by a later line of the same file.
-- A row without replaced_by_load_id repeats the values of the delivery before it. It is kept only while an older load is
-- still open, for that load may bring a value in between.
CREATE TABLE IF NOT EXISTS bills_history (
    bill_date date NOT NULL,
    bill_id bigint NOT NULL CHECK (bill_id >= 0),
    customer_name text NOT NULL CHECK (customer_name <> ''),
    currency text NOT NULL CHECK (length(currency) = 3 AND upper(currency) = currency),
    product1_revenue numeric(23, 8) NOT NULL CHECK (product1_revenue >= 0),
    product2_revenue numeric(23, 8) NOT NULL CHECK (product2_revenue >= 0),
    load_id bigint NOT NULL,
    line_no bigint NOT NULL,
    replaced_by_load_id bigint,
    -- a delivery is one line of one load; the key leads, because "what was this bill before" is the question
    PRIMARY KEY (bill_date, bill_id, load_id, line_no)
);

-- Finds the few rows that wait for an older load, in a table that may be large.
CREATE INDEX IF NOT EXISTS bills_history_repeats ON bills_history (load_id) WHERE replaced_by_load_id IS NULL;
