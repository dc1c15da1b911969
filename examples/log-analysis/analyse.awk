# Counts of an access log as one JSON document:
#   {"hours": {"2026-03-02T00": {"requests", "errors", "bytes", "ms": {"12": requests that took so long}}},
#    "statuses": {"200": requests}, "paths": {"/": {"requests", "errors"}}}
# For every awk: POSIX only, and no order of keys.
BEGIN {
  split("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec", names, " ")
  for (i in names) months[names[i]] = sprintf("%02d", i)
}

# 203.0.113.7 - - [02/Mar/2026:00:00:01 +0000] "GET /cart HTTP/1.1" 200 5123 "-" "Mozilla/5.0" 0.123
{
  stamp = substr($4, 2, 14)
  if (stamp != before) {
    before = stamp
    hour = substr(stamp, 8, 4) "-" months[substr(stamp, 4, 3)] "-" substr(stamp, 1, 2) "T" substr(stamp, 13, 2)
  }
  path = $7
  sub(/\?.*/, "", path)
  gsub(/["\\[:cntrl:]]/, "_", path)
  requests[hour]++
  bytes[hour] += $10
  statuses[$9]++
  paths[path]++
  if ($9 >= 500) {
    errors[hour]++
    failed[path]++
  }
  took[hour, int($NF * 1000 + 0.5)]++
}

# Piece by piece, for some awks have room for few characters in printf.
END {
  for (key in took) {
    split(key, parts, SUBSEP)
    add(of, parts[1], parts[2], took[key])
  }
  for (hour in requests)
    add(all, "hours", hour, "{\"requests\":" whole(requests[hour]) ",\"errors\":" whole(errors[hour]) \
      ",\"bytes\":" whole(bytes[hour]) ",\"ms\":{" of[hour] "}}")
  for (status in statuses) add(all, "statuses", status, statuses[status])
  for (path in paths)
    add(all, "paths", path, "{\"requests\":" whole(paths[path]) ",\"errors\":" whole(failed[path]) "}")
  print "{\"hours\":{" all["hours"] "},\"statuses\":{" all["statuses"] "},\"paths\":{" all["paths"] "}}"
}

function add(objects, name, key, value) {
  objects[name] = objects[name] (objects[name] == "" ? "" : ",") "\"" key "\":" value
}

function whole(number) {
  return sprintf("%.0f", number)
}
