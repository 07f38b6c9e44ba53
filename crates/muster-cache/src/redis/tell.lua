-- Tells Redis and all nodes of invalidations: as a whole, or not at all. A script and no transaction: PUBLISH in a
-- transaction puts the message into the middle of its answers if who sends it also listens (before Redis 7.2).
--
-- KEYS: what holds the number of the last change that was told; a tag for each state.
-- ARGV: channel, message, the number or '', 'anew' if it may become smaller, life of a state in ms, states.
for index = 2, #KEYS do
  redis.call('SET', KEYS[index], ARGV[4 + index], 'PX', ARGV[5])
end
if ARGV[3] ~= '' then
  local told = tonumber(redis.call('GET', KEYS[1]))
  if ARGV[4] == 'anew' or not told or told < tonumber(ARGV[3]) then
    redis.call('SET', KEYS[1], ARGV[3])
  end
end
redis.call('PUBLISH', ARGV[1], ARGV[2])
