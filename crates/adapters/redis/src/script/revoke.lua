-- Marks sessions as ended, for no less long than they are marked already, and tells every replica.
for _, key in ipairs(KEYS) do
    local left = 0
    if redis.call('GET', key) == '-' then
        left = redis.call('PTTL', key)
    end
    if left < tonumber(ARGV[1]) then
        redis.call('SET', key, '-', 'PX', ARGV[1])
    end
end
redis.call('PUBLISH', ARGV[2], ARGV[3])
return #KEYS
