-- One request of one client, with the same meaning as limiter/mod.rs: GCRA, a strike once a window, bans that double.
-- KEYS: the client. ARGV: window, requests in it, price in tenths (negative: given back), first ban, longest ban, time
-- that forgives a violation, time that a violation is remembered. All times in microseconds, by the server's clock.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local window, limit, tenths = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local first_ban, longest_ban = tonumber(ARGV[4]), tonumber(ARGV[5])
local forgiven_after, grudge = tonumber(ARGV[6]), tonumber(ARGV[7])

local kept = redis.call('HMGET', KEYS[1], 'full', 'banned', 'struck', 'strikes')
local full, banned = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
local struck, strikes = tonumber(kept[3]) or 0, tonumber(kept[4]) or 0
-- What only a clock that was set back can have brought about.
full, banned, struck = math.min(full, now + window), math.min(banned, now + longest_ban), math.min(struck, now)

local price = math.floor(window * math.abs(tenths) / (limit * 10))
local verdict, over = 'allowed', 0
if tenths < 0 then
  full = math.max(full - price, math.min(now, full))
elseif banned > now then
  verdict = 'banned'
else
  local after = math.max(full, now) + price
  over = math.max(after - (now + window), 0)
  if over == 0 then
    full = after
  else
    verdict = 'limited'
    if strikes == 0 or now - struck >= window then
      local forgiven = math.floor((now - math.max(struck, banned)) / forgiven_after)
      strikes = math.max(strikes - forgiven, 0) + 1
      struck = now
      if strikes >= 2 then
        local ban = math.min(first_ban * 2 ^ math.min(strikes - 2, 20), longest_ban)
        if ban > 0 then
          banned = now + ban
          verdict = 'ban'
        end
      end
    end
  end
end

-- Not %d: where Lua is 5.4 it refuses numbers that are not whole.
local function text(number)
  return string.format('%.0f', math.floor(number))
end
if verdict ~= 'banned' then
  redis.call('HSET', KEYS[1], 'full', text(full), 'banned', text(banned), 'struck', text(struck), 'strikes', text(strikes))
  local ends = math.max(full, banned)
  if strikes > 0 then
    ends = math.max(ends, math.max(struck, banned) + grudge)
  end
  redis.call('PEXPIRE', KEYS[1], text(math.max(ends - now, 0) / 1000 + 1000))
end
return { verdict, text(now), text(full), text(banned), text(struck), text(strikes), text(over) }
