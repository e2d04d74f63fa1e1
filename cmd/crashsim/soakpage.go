package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"crashsim/crashtest"
	"crashsim/crashtest/report"
	"crashsim/crashtest/soak"
)

// livePage serves a soak on HTTP, for people and for Prometheus. A nil one serves
// nothing.
type livePage struct {
	server http.Server
	listen net.Listener
}

//go:embed soakpage.html
var soakPage []byte

// listen takes the address of the page, where one is asked for.
func (f *soakFlags) listen() (*livePage, error) {
	if f.http == "" {
		return nil, nil
	}
	host, port, err := net.SplitHostPort(f.http)
	if err != nil {
		return nil, usage("--http %s: %w: give an address such as 127.0.0.1:8080", f.http, err)
	}
	if host == "" {
		host = "127.0.0.1" // what others may see is for the one who starts it to say
	}
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, usage("--http: %w: give an address of this machine with a port that is free, or port 0 for any", err)
	}
	return &livePage{listen: l, server: http.Server{ReadHeaderTimeout: 10 * time.Second}}, nil
}

func (p *livePage) serve(h http.Handler) {
	if p != nil {
		p.server.Handler = h
		go func() { _ = p.server.Serve(p.listen) }() // until it is closed
	}
}

func (p *livePage) url() string {
	if p == nil {
		return ""
	}
	return "http://" + p.listen.Addr().String() + "/"
}

func (p *livePage) close() {
	if p == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if errors.Is(p.server.Shutdown(ctx), context.DeadlineExceeded) {
		_ = p.server.Close()
	}
	_ = p.listen.Close() // if it was never served
}

func (f *soakFlags) handler(s *soak.Soak) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(soakPage)
	})
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, _ *http.Request) {
		st := s.Status()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		_ = json.NewEncoder(w).Encode(statusJSON(&st))
	})
	mux.HandleFunc("GET /findings/{number}", func(w http.ResponseWriter, r *http.Request) {
		st := s.Status()
		n, err := strconv.Atoi(r.PathValue("number"))
		if err != nil || n < 1 || n > len(st.Findings) {
			http.Error(w, "there is no such finding", http.StatusNotFound)
			return
		}
		found := st.Findings[n-1]
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = report.Write(w, f.findingDoc(s, found), "html")
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "ok") })
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(&soakMetrics{s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// findingDoc is the report of one finding.
func (f *soakFlags) findingDoc(s *soak.Soak, found *soak.Finding) *report.Doc {
	one := tellCase(found.Case, f.artifacts+"/"+s.CaseFile(found))
	one.FindingNote = crashtest.FindingNote{Kind: found.Case.Kind, Sentence: found.Sentence, Seen: found.Seen}
	return &report.Doc{Findings: []report.Finding{*one}, Version: version(), Up: "/", UpName: "the soak"}
}

// statusJSON is what the page asks for.
func statusJSON(st *soak.Status) any {
	type finding struct {
		Number int    `json:"number"`
		Kind   string `json:"kind"`
		Text   string `json:"sentence"`
		Round  int    `json:"round"`
		Rounds int    `json:"rounds"`
		Seen   int    `json:"seen"`
	}
	type running struct {
		Round int    `json:"round"`
		Phase string `json:"phase"`
		Done  int    `json:"done"`
		Total int    `json:"total"`
		Mix   string `json:"mix"`
	}
	out := struct {
		Target    string             `json:"target"`
		Seconds   float64            `json:"seconds"`
		Left      float64            `json:"left_seconds"` // -1: no end
		Rounds    int                `json:"rounds"`
		OfRounds  int                `json:"of_rounds"` // 0: no end
		States    int                `json:"states"`
		PerSecond float64            `json:"states_per_second"`
		Unique    int                `json:"unique_states"`
		Recovered int                `json:"recoveries"`
		Capped    int                `json:"capped"`
		Faults    int                `json:"faults"`
		Sites     int                `json:"sites"`
		Branches  int                `json:"branches"`
		Probes    int                `json:"probes"`
		Memory    int64              `json:"memory_bytes"`
		Limit     int64              `json:"memory_limit_bytes"`
		Done      bool               `json:"done"`
		Findings  []finding          `json:"findings"`
		Running   []running          `json:"running"`
		Samples   []crashtest.Sample `json:"samples"`
	}{
		st.Target, st.Elapsed.Seconds(), left(st), st.Rounds, st.OfRounds, st.States, st.PerSecond(), st.Unique, st.Recoveries, st.Capped,
		st.Faults, st.Sites, st.Branches, st.Probes, st.Memory, st.Limit, st.Done, []finding{}, []running{}, st.Samples,
	}
	for _, f := range st.Findings {
		out.Findings = append(out.Findings, finding{f.Number, string(f.Case.Kind), f.Sentence, f.Round, f.Rounds, f.Seen})
	}
	for _, r := range st.Running {
		out.Running = append(out.Running, running{r.Round, r.Progress.Phase, r.Progress.Done, r.Progress.Total, r.Mix})
	}
	return out
}

// soakMetrics gives a soak's figures to Prometheus as they are when it asks.
type soakMetrics struct{ soak *soak.Soak }

func (m *soakMetrics) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, ch) }

func (m *soakMetrics) Collect(ch chan<- prometheus.Metric) {
	st := m.soak.Status()
	for _, x := range []struct {
		name, help string
		kind       prometheus.ValueType
		value      float64
	}{
		{"rounds_total", "Rounds that are done.", prometheus.CounterValue, float64(st.Rounds)},
		{"crash_points_total", "Power cuts and kills.", prometheus.CounterValue, float64(st.CrashPoints)},
		{"states_total", "Disks that crashes left, equal ones counted each time.", prometheus.CounterValue, float64(st.States)},
		{"unique_states_total", "Disks, equal ones within a round counted once.", prometheus.CounterValue, float64(st.Unique)},
		{"recoveries_total", "Recoveries.", prometheus.CounterValue, float64(st.Recoveries)},
		{"capped_cuts_total", "Cuts of which only a sample of disks was tried.", prometheus.CounterValue, float64(st.Capped)},
		{"faults_total", "Faults of the disk that were tried.", prometheus.CounterValue, float64(st.Faults)},
		{"out_of_memory_rounds_total", "Rounds that were broken off for want of memory.", prometheus.CounterValue, float64(st.OutOfMemory)},
		{"findings", "Causes of failure that were found.", prometheus.GaugeValue, float64(len(st.Findings))},
		{"sites", "Places in the store that changed the disk or synced it.", prometheus.GaugeValue, float64(st.Sites)},
		{"branches", "Ways that recoveries went behind a crash at a site.", prometheus.GaugeValue, float64(st.Branches)},
		{"probes", "What crashes took back, with what recovery did about it.", prometheus.GaugeValue, float64(st.Probes)},
		{"memory_bytes", "Memory that the process has for Go.", prometheus.GaugeValue, float64(st.Memory)},
		{"elapsed_seconds", "Time that the soak went on, over all its lives.", prometheus.GaugeValue, st.Elapsed.Seconds()},
	} {
		desc := prometheus.NewDesc("crashsim_soak_"+x.name, x.help, []string{"target"}, nil)
		ch <- prometheus.MustNewConstMetric(desc, x.kind, x.value, st.Target)
	}
}
