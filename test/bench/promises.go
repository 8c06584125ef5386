package main

import "fmt"

// promise is what one row of ours has to reach.
type promise struct {
	most   float64 // in the row's unit; 0 with ratio
	least  float64
	ratio  float64 // at most that many times the row of the peer named in than
	than   string
	zero   bool // exactly nothing
	view   bool // only where these control groups can be had
	thermo string
}

// promises are by work and row. Thermos' figures stand beside them.
var promises = map[string]map[string]promise{
	"start, first exec":                   {ours: {most: 40, thermo: "240"}},
	"100 × true in sequence":              {ours: {ratio: 2.5, than: "bash", thermo: "69000"}},
	"50 × true in parallel":               {ours: {ratio: 2.5, than: "bash", thermo: "3500"}},
	"1,000 processes, max_concurrency 64": {ours: {least: 400}},
	"memory, 1 sleeping process":          {ours: {most: 12, thermo: "31"}, "shim": {most: 2.2}, "shim, own": {most: 0.8}},
	"memory, 10 sleeping processes":       {ours: {most: 12, thermo: "68"}, "shim": {most: 2.2}, "shim, own": {most: 0.8}},
	"memory, 50 sleeping processes":       {ours: {most: 14, thermo: "230"}, "shim": {most: 2.2}, "shim, own": {most: 1.2}},
	"idle, 50 sleeping processes": {
		"dewar, CPU over 30 s":            {zero: true, thermo: "60"},
		"shim, context switches in 10 s":  {zero: true},
		"brain, context switches in 10 s": {most: 1},
	},
	thousandChecks: {
		ours: {ratio: 2, than: bareCalls}, ofACore: {most: 20}, "dewar, memory": {most: 20},
		lateness: {most: 20}, "connections in TIME_WAIT": {most: 100}, "dewar, descriptors": {most: 1},
	},
	// A cold v1 may cost what it costs the kernel: 8 to 12 ms before Linux 5.5.
	inAGroup:  inViewsOf(1, "hybrid, warm", "v1, warm", "v2, warm", "v2, cold", "v2"+unlimited+", warm", "v2"+unlimited+", cold"),
	usageOf:   inViewsOf(5, "hybrid", "v1", "v2", "v2"+unlimited),
	killFew:   inViewsOf(100, "hybrid", "v1", "v2", "v2"+unlimited),
	killMany:  inViewsOf(2000, "hybrid", "v1", "v2", "v2"+unlimited),
	reopening: {ours: {most: 300, thermo: "3500 for 10,000"}},
	"taking up 200 live processes after a crash of ours": {ours: {most: 250}},
}

// inViewsOf is what is promised of those of these rows that can be had. What is
// emulated has no promise: it is about the speed of the machine.
func inViewsOf(most float64, rows ...string) map[string]promise {
	all := map[string]promise{}
	for _, row := range rows {
		all[row] = promise{most: most, view: true}
	}
	return all
}

// lateness is the row of when checks are begun.
const lateness = "dewar, p99 of lateness"

// ours is the row's name for Dewar as a whole.
const ours = "dewar"

// judge says what was promised for a row and whether it was kept, with bounds
// slack times as wide. medians are those of the same work.
func judge(work, by string, median float64, medians map[string]float64, slack float64) (goal string, kept *bool, thermos string) {
	p, ok := promises[work][by]
	if !ok {
		return "", nil, ""
	}
	var good bool
	switch {
	case p.zero:
		goal, good = "0", median <= slack-1
	case p.least > 0:
		goal, good = fmt.Sprintf("≥ %g", p.least), median >= p.least/slack
	case p.ratio > 0:
		base, ok := medians[p.than]
		goal = fmt.Sprintf("≤ %g × %s", p.ratio, p.than)
		if !ok {
			return goal, nil, p.thermo
		}
		good = median <= p.ratio*base*slack
	default:
		goal, good = fmt.Sprintf("≤ %g", p.most), median <= p.most*slack
	}
	return goal, &good, p.thermo
}
