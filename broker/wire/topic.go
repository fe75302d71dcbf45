package wire

import "strings"

// ValidTopic says whether a Topic Name may be published to [4.7]: it is not empty and has no wildcards. Its text is taken to be valid.
func ValidTopic(topic string) bool { return topic != "" && !strings.ContainsAny(topic, "+#") }

// ValidFilter says whether a Topic Filter keeps the rules of wildcards [4.7.1] and of shared subscriptions [4.8.2].
func ValidFilter(filter string) bool {
	if IsShared(filter) {
		_, rest, _ := strings.Cut(filter, "/")
		group, shared, ok := strings.Cut(rest, "/")
		if !ok || group == "" || strings.ContainsAny(group, "+#") { // [MQTT-4.8.2-1, MQTT-4.8.2-2]
			return false
		}
		filter = shared
	}
	if filter == "" {
		return false // [MQTT-4.7.3-1]
	}
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		if strings.ContainsAny(level, "+#") && len(level) > 1 || level == "#" && more { // [MQTT-4.7.1-1, MQTT-4.7.1-2]
			return false
		}
	}
	return true
}

// IsShared says whether a filter is meant as a shared subscription. The standard has `$share`; mochi takes any case.
func IsShared(filter string) bool {
	first, _, _ := strings.Cut(filter, "/")
	return strings.EqualFold(first, "$share")
}
