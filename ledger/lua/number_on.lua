#!lua flags=allow-oom
-- Numbers a partition's records on from where Postgres is: Redis was set back, and a number that
-- is given twice would hide it the next time.
-- Input:  KEYS 1 position; ARGV 1 last number that Postgres has
-- Output: the last number that was given
local number = tonumber(redis.call('HGET', KEYS[1], 'number') or 0)
if number < tonumber(ARGV[1]) then
    number = tonumber(ARGV[1])
    redis.call('HSET', KEYS[1], 'number', ARGV[1])
end
return number
