-- USD for one unit of the currency: 1 / rate to 20 places, half away from zero.
UPDATE quotes SET inverse_rate = decimal_div(1, rate, 20)
WHERE rate IS NOT NULL
