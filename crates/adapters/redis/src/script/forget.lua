-- Forgets sessions, but for those known to have ended, and tells every replica.
local forgotten = 0
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) ~= '-' then
        forgotten = forgotten + redis.call('DEL', key)
    end
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
return forgotten
