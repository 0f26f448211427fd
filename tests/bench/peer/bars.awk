# One-minute bars of ticks of one known form, for mawk: fields are what stands
# between double quotes, so nothing is parsed twice.  A bar is written when its
# symbol moves on, and at the end; prices stay the text that they were.
function out(s) {
    printf "{\"symbol\":\"%s\",\"time\":%d0000,\"open\":%s,\"high\":%s,\"low\":%s,\"close\":%s,\"volume\":%d}\n", \
        s, minute[s] * 6, open[s], high[s], low[s], close_[s], volume[s]
}
BEGIN { FS = "\"" }
{
    s = $8
    m = int(substr($11, 2) / 60000)
    price = substr($13, 2, length($13) - 2)
    if (!(s in minute) || m != minute[s]) {
        if (s in minute)
            out(s)
        minute[s] = m
        open[s] = high[s] = low[s] = price
        volume[s] = 0
    } else if (price + 0 > high[s] + 0)
        high[s] = price
    else if (price + 0 < low[s] + 0)
        low[s] = price
    close_[s] = price
    volume[s]++
}
END {
    for (s in minute)
        out(s)
}
