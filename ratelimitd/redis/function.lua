#!lua name=tickwire_limit
-- The limiter as a Redis Function library: exact, on Redis's own clock.
--
--   FCALL tickwire_limit 2 {prefix}ratelimit:rules {prefix}ratelimit:RULE:KEY
--         RULE COST [check|peek|reset [window]]
--     -> {allowed, limit, remaining, retry_after_ms, reset_ms [, shadow_over]}
--        or with "window", which version 1 takes no notice of,
--        {..., reset_ms, shadow_over, window_ms}
--   FCALL tickwire_limit_batch 1+n {prefix}ratelimit:rules KEY...
--         (RULE COST MODE)...
--     -> n such answers, each decided by itself, in order
--   FCALL tickwire_limit_many 1+n {prefix}ratelimit:rules KEY...
--         MODE (RULE COST)...
--     -> {allowed, answer...}: all are checked, then all are charged, or none
--   FCALL tickwire_limit_rules 1 {prefix}ratelimit:rules STAMP (RULE TEXT)...
--     -> 1, or 0 where rules with a later stamp are there already
--   FCALL tickwire_limit_alive 2 {prefix}ratelimit:rules
--         {prefix}ratelimit:instances ID
--     -> {version, stamp of the rules or "", running instances}
--
-- retry_after_ms is -1 where the cost is over the limit: it can never succeed.
-- A rule that is not in the hash is the error "ERR unknown rule", never an
-- allow.  A rule's text has one line per key pattern, the first match wins:
--   LIMIT WINDOW_MS log|gcra shadow|- PATTERN [ON_ERROR]
-- (what to answer while Redis cannot be asked is for those who ask).
--
-- log   a list of the times (us) of accepted requests: at most LIMIT in any
--       window, whatever the clock does.  Denied checks write nothing, so a key
--       never holds more than LIMIT entries.
-- gcra  one string "TIME DEBT": constant size for very large limits; up to
--       twice LIMIT in an unlucky window.
--
-- Numbers: microseconds are above 1e15, where tostring() would round; they are
-- formatted by digits().  Sums stay below 2^53, so they are exact in a double.

local VERSION = 2
local KEY_MAX = 256      -- bytes of the part after "ratelimit:RULE:"
local RULES_US = 1000000 -- how long a rule that was read is taken as known
local PUSH_CHUNK = 1000  -- entries per RPUSH: unpack has a stack limit
local NEAR = 16          -- expired entries that are looked for one by one
local INSTANCE_US = 10000000
local ZEROS = {'00000', '0000', '000', '00', '0', ''}

-- Library code runs before Redis provides string and math: they are looked up
-- when a function is called.  What a call costs is mostly the number of
-- redis.call()s; numbers as their arguments are slow, so constants are strings.

-- By rules key: {at = when it was begun, rules = parsed, by name}.
-- tickwire_limit_rules empties it, so a reload holds at once; only a hash that
-- somebody else removed is noticed after RULES_US.
local known = {}

-- Read once per call: before 7.2 the time can advance inside a script.  Both
-- parts are numbers first, as microseconds are not padded with zeros.
--
-- The second value is the same as digits: cheaper than to format it.
local function clock(call)
    local t = call('TIME')
    return t[1] * 1000000 + t[2], t[1] .. ZEROS[#t[2]] .. t[2]
end

local function digits(n)
    return string.format('%.0f', n)
end

-- Microseconds to milliseconds, rounded up.
local function to_ms(us)
    return math.ceil(us / 1000)
end

-- a / b rounded up, exact for whole numbers below 2^53.
local function divide_up(a, b)
    local rest = a % b
    return (a - rest) / b + (rest > 0 and 1 or 0)
end

local function gcd(a, b)
    while b ~= 0 do
        a, b = b, a % b
    end
    return a
end

local function parse_line(line)
    local limit, ms, algorithm, flag, pattern =
        line:match('^(%d+) (%d+) (%l+) (%S+) (%S+) ?%l*$')
    if not limit then
        error({err = 'ERR bad rule text'})
    end
    local r = {limit = tonumber(limit), window = tonumber(ms) * 1000, window_ms = ms,
               gcra = algorithm == 'gcra', shadow = flag == 'shadow'}
    -- gcra counts its debt in units of 1/share us: a request adds `step`, a
    -- microsecond takes `share` off, and a full bucket is share * window.
    local g = gcd(r.window, r.limit)
    r.step, r.share = r.window / g, r.limit / g
    if pattern:find('*', 1, true) then
        r.like = '^' .. pattern:gsub('[^%w*]', '%%%0'):gsub('%*', '.*') .. '$'
    else
        r.exact = pattern
    end
    if pattern == '*' then
        r.like = nil
    end
    return r
end

-- "{prefix}ratelimit:rules" without "rules" begins every key.
local function parse(text, rules_key, name)
    local rules = {head = rules_key:sub(1, -6) .. name .. ':'}
    for line in text:gmatch('[^\n]+') do
        rules[#rules + 1] = parse_line(line)
    end
    if not rules[1] then
        error({err = 'ERR bad rule text'})
    end
    rules.all = not rules[1].exact and not rules[1].like and rules[1] or nil
    return rules
end

local function read_rules(call, rules_key, name, real)
    local names = known[rules_key]
    if not names or real - names.at >= RULES_US or real < names.at then
        names = {at = real, rules = {}}
    end
    local rules = names.rules[name]
    if not rules then
        local text = name and call('HGET', rules_key, name)
        if not text or name == '@stamp' then
            return nil
        end
        rules = parse(text, rules_key, name)
        names.rules[name] = rules
        known[rules_key] = names
    end
    return rules
end

-- The rule for a key, or nil and an error reply.
local function find(call, rules_key, key, name, real)
    local rules = read_rules(call, rules_key, name, real)
    if not rules then
        return nil, {err = 'ERR unknown rule'}
    end
    local n = #key - #rules.head
    if n <= 0 or n > KEY_MAX or key:find(rules.head, 1, true) ~= 1 then
        return nil, {err = 'ERR key is not one of this rule'}
    end
    if rules.all then
        return rules.all
    end
    local id = key:sub(#rules.head + 1)
    for _, r in ipairs(rules) do
        if r.exact and r.exact == id or
           not r.exact and (not r.like or id:find(r.like)) then
            return r
        end
    end
    return nil, {err = 'ERR unknown rule'}
end

-- Of length entries, how many at the old end are not after cutoff.  The first
-- is known to be one, the last not to be.
local function count_expired(call, key, length, cutoff)
    local some = call('LRANGE', key, '1', NEAR)
    for i = 1, #some do
        if tonumber(some[i]) > cutoff then
            return i
        end
    end
    local low, high = NEAR + 1, length - 1
    while low < high do
        local mid = math.floor((low + high) / 2)
        if tonumber(call('LINDEX', key, mid)) > cutoff then
            high = mid
        else
            low = mid + 1
        end
    end
    return low
end

-- A key of the other algorithm, from before its rule was changed, counts as
-- empty.  Any other error is one: a check that could not look never allows.
local function begin_anew(call, key, mode, fault)
    if fault.err:sub(1, 9) ~= 'WRONGTYPE' then
        error(fault)
    end
    if mode ~= 'peek' then
        call('DEL', key)
    end
    return false
end

-- What is known of a key before a decision: used, the time of a new entry (not
-- before the newest: the clock may have been set back), entries that have left,
-- and the newest entry.
local function log_look(call, key, r, real, mode)
    local newest = redis.pcall('LINDEX', key, '-1')
    if type(newest) == 'table' then
        newest = begin_anew(call, key, mode, newest)
    end
    if not newest then
        return 0, real, 0, real - r.window
    end
    newest = tonumber(newest)
    local now = real > newest and real or newest
    local cutoff, length, expired = now - r.window, call('LLEN', key), 0
    if newest <= cutoff then
        expired = length
    elseif tonumber(call('LINDEX', key, '0')) <= cutoff then
        expired = count_expired(call, key, length, cutoff)
    end
    return length - expired, now, expired, newest
end

local function log_charge(call, key, r, real, text, cost, now, expired)
    if expired == 1 then
        call('LPOP', key)
    elseif expired > 1 then
        call('LTRIM', key, expired, '-1')
    end
    if now ~= real then
        text = digits(now)
    end
    if cost == 1 then
        call('RPUSH', key, text)
    else
        local left = cost
        while left > 0 do
            local n, some = left < PUSH_CHUNK and left or PUSH_CHUNK, {}
            for i = 1, n do
                some[i] = text
            end
            call('RPUSH', key, unpack(some))
            left = left - n
        end
    end
    call('PEXPIRE', key, r.window_ms)
end

-- For retry_after_ms the clock counts as it is, not as it was before it was
-- set back: who waits that long is admitted.
local function log_retry(call, key, r, real, cost, used, expired)
    local last = call('LINDEX', key, expired + used + cost - r.limit - 1)
    return to_ms(tonumber(last) + r.window - real)
end

local function gcra_look(call, key, r, real, mode)
    local v = redis.pcall('GET', key)
    if type(v) == 'table' then
        v = begin_anew(call, key, mode, v)
    end
    if not v then
        return 0, real
    end
    local at, debt = v:match('^(%d+) (%d+)$')
    at, debt = tonumber(at), tonumber(debt)
    -- Kept for another limit or window: no more than what is full now.
    local full = r.share * r.window
    if debt > full then
        debt = full
    end
    if real <= at then
        return debt, at
    end
    local gone = real - at
    if gone >= r.window then
        return 0, real
    end
    debt = debt - gone * r.share
    return debt > 0 and debt or 0, real
end

local function gcra_charge(call, key, r, real, text, now, debt)
    if now ~= real then
        text = digits(now)
    end
    -- No debt is older than a window: after that the key means nothing.
    call('SET', key, text .. ' ' .. digits(debt), 'PX', r.window_ms)
end

-- Decide one question; charge(...) as returned makes it true.  Nothing is
-- written here.
local function log_decide(call, key, r, real, cost, mode)
    local used, now, expired, newest = log_look(call, key, r, real, mode)
    local left = r.limit - used
    if cost > left then
        local retry = cost > r.limit and -1 or
                      log_retry(call, key, r, real, cost, used, expired)
        local reset = used > 0 and to_ms(newest + r.window - real) or 0
        return 0, left > 0 and left or 0, retry, reset
    end
    if mode == 'check' and cost > 0 then
        newest, left, used = now, left - cost, used + cost
    end
    local reset = used > 0 and to_ms(newest + r.window - real) or 0
    return 1, left, 0, reset, now, expired
end

local function gcra_decide(call, key, r, real, cost, mode)
    local debt, now = gcra_look(call, key, r, real, mode)
    local full, ahead = r.share * r.window, (now - real) * r.share
    local after = debt + cost * r.step
    if after > full then
        local retry = cost > r.limit and -1 or
                      divide_up(after - full + ahead, r.share * 1000)
        return 0, math.floor((full - debt) / r.step), retry,
               debt > 0 and divide_up(debt + ahead, r.share * 1000) or 0
    end
    if mode ~= 'check' then
        after = debt
    end
    return 1, math.floor((full - after) / r.step), 0,
           after > 0 and divide_up(after + ahead, r.share * 1000) or 0,
           now, after
end

local function charge(call, key, r, real, text, cost, now, extra)
    if r.gcra then
        gcra_charge(call, key, r, real, text, now, extra)
    else
        log_charge(call, key, r, real, text, cost, now, extra)
    end
end

local function read_cost(text)
    if text == '1' then
        return 1
    end
    local cost = text and text:find('^%d+$') and #text <= 9 and tonumber(text)
    if not cost then
        return nil, {err = 'ERR cost is not a number from 0 to 999999999'}
    end
    return cost
end

-- The answer, and the rule that gave it.
local function one(call, rules_key, key, name, cost_text, mode, real, text)
    local r, err = find(call, rules_key, key, name, real)
    if not r then
        return err
    end
    if mode == 'reset' then
        call('DEL', key)
        return {1, r.limit, r.limit, 0, 0}, r
    end
    if mode ~= 'check' and mode ~= 'peek' then
        return {err = 'ERR mode is not check, peek or reset'}
    end
    local cost
    cost, err = read_cost(cost_text)
    if not cost then
        return err
    end
    local decide = r.gcra and gcra_decide or log_decide
    local allowed, left, retry, reset, now, extra =
        decide(call, key, r, real, cost, mode)
    if allowed == 1 then
        if mode == 'check' and cost > 0 then
            charge(call, key, r, real, text, cost, now, extra)
        end
    elseif r.shadow then
        return {1, r.limit, left, 0, reset, 1}, r
    end
    return {allowed, r.limit, left, retry, reset}, r
end

redis.register_function('tickwire_limit', function(keys, args)
    local call = redis.call
    if #keys ~= 2 then
        return {err = 'ERR two keys are due: the rules and the key to charge'}
    end
    local answer, r = one(call, keys[1], keys[2], args[1], args[2],
                          args[3] or 'check', clock(call))
    if r and args[4] == 'window' then
        answer[6], answer[7] = answer[6] or 0, r.window / 1000
    end
    return answer
end)

redis.register_function('tickwire_limit_batch', function(keys, args)
    local call, answers = redis.call, {}
    local n = #keys - 1
    if n < 1 or #args ~= 3 * n then
        return {err = 'ERR each key needs a rule, a cost and a mode'}
    end
    local real, text = clock(call)
    local rules_key = keys[1]
    for i = 1, n do
        local at = 3 * i - 2
        answers[i] = one(call, rules_key, keys[i + 1], args[at], args[at + 1],
                         args[at + 2], real, text)
    end
    return answers
end)

redis.register_function('tickwire_limit_many', function(keys, args)
    local call, mode, n = redis.call, args[1], #keys - 1
    if n < 1 or #args ~= 1 + 2 * n then
        return {err = 'ERR a mode is due, then a rule and a cost for each key'}
    end
    local real, text = clock(call)
    local rules_key, seen, plans = keys[1], {}, {}
    local answers, all = {0}, 1
    if mode == 'reset' or (mode ~= 'check' and mode ~= 'peek') then
        for i = 1, n do
            answers[i + 1] = one(call, rules_key, keys[i + 1], args[2 * i],
                                 args[2 * i + 1], mode, real, text)
            if answers[i + 1].err then
                return answers[i + 1]
            end
        end
        answers[1] = 1
        return answers
    end
    for i = 1, n do
        local key = keys[i + 1]
        local r, err = find(call, rules_key, key, args[2 * i], real)
        local cost
        if r then
            cost, err = read_cost(args[2 * i + 1])
        end
        if not err and seen[key] then
            err = {err = 'ERR a key is named twice'}
        end
        if err then
            return err
        end
        seen[key] = true
        plans[i] = {key = key, r = r, cost = cost}
    end
    for i, p in ipairs(plans) do
        local decide = p.r.gcra and gcra_decide or log_decide
        local ok, left, retry, reset, now, extra =
            decide(call, p.key, p.r, real, p.cost, mode)
        p.charge = ok == 1 and mode == 'check' and p.cost > 0
        p.now, p.extra = now, extra
        answers[i + 1] = {ok, p.r.limit, left, retry, reset}
        if ok == 0 and p.r.shadow then
            answers[i + 1] = {1, p.r.limit, left, 0, reset, 1}
        elseif ok == 0 then
            all = 0
        end
    end
    for i, p in ipairs(plans) do
        if p.charge and all == 1 then
            charge(call, p.key, p.r, real, text, p.cost, p.now, p.extra)
        elseif p.charge then
            -- Nothing is taken: say what is left without it.
            local decide = p.r.gcra and gcra_decide or log_decide
            local _, left, _, reset =
                decide(call, p.key, p.r, real, p.cost, 'peek')
            answers[i + 1] = {1, p.r.limit, left, 0, reset}
        end
    end
    answers[1] = all
    return answers
end)

-- The stamp ("MILLISECONDS DIGEST") is kept under a name that no rule can have.
redis.register_function('tickwire_limit_rules', function(keys, args)
    local key, there = keys[1], redis.call('HGET', keys[1], '@stamp')
    local function ms(stamp)
        return tonumber((stamp:match('^(%d+) ')))
    end
    if there and ms(there) and ms(there) > ms(args[1]) then
        return 0
    end
    known = {}
    redis.call('DEL', key)
    redis.call('HSET', key, '@stamp', unpack(args))
    return 1
end)

redis.register_function('tickwire_limit_alive', function(keys, args)
    local call = redis.call
    local now, text = clock(call)
    call('ZADD', keys[2], text, args[1])
    call('ZREMRANGEBYSCORE', keys[2], '-inf', digits(now - INSTANCE_US))
    call('PEXPIRE', keys[2], INSTANCE_US / 1000)
    return {VERSION, call('HGET', keys[1], '@stamp') or '',
            call('ZCARD', keys[2])}
end)
