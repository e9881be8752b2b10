-- Forgets sessions, but for those known to have ended.
local forgotten = 0
for _, key in ipairs(KEYS) do
    if redis.call('GET', key) ~= '-' then
        forgotten = forgotten + redis.call('DEL', key)
    end
end
return forgotten
