-- USD for one unit of the currency: 1 / rate to 20 places, half away from zero. In whole numbers, floor(10^20 / rate + 1/2),
-- because a quotient of decimals has as many places as the database sees fit.
UPDATE quotes SET inverse_rate = trim_scale(div(2e20 + rate, 2 * rate) * 1e-20)
WHERE rate IS NOT NULL
