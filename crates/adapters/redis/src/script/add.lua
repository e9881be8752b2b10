-- Counts one more, in a window that begins with the first.
-- Returns how many there are, and the milliseconds until the window ends.
local count = redis.call('INCR', KEYS[1])
if count == 1 then
    redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return {count, redis.call('PTTL', KEYS[1])}
