-- How many there are, and the milliseconds until their window ends.
local count = redis.call('GET', KEYS[1])
if not count then
    return {0, -2}
end
return {tonumber(count), redis.call('PTTL', KEYS[1])}
