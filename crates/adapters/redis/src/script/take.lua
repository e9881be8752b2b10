-- Takes one from a bucket, by the virtual scheduling form of GCRA (ITU-T I.371, annex A), in whole microseconds of this server's
-- clock. What is kept is when the bucket is full again; what is full is not kept.
-- Arguments: the time in which one comes back, and that in which an empty bucket fills.
-- Returns whether one was taken, and the time until the bucket is full.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local interval, size = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = tonumber(redis.call('GET', KEYS[1]) or now)
-- A bucket never lacks more than its size, though it may have been wider, or the clock further on, when it was used last.
local lacking = math.min(math.max(full_at - now, 0), size)
if lacking + interval > size then
    return {0, lacking}
end
lacking = lacking + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + lacking), 'PX', string.format('%.0f', math.ceil(lacking / 1000)))
return {1, lacking}
