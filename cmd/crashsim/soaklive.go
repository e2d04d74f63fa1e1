package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"crashsim/crashtest/soak"
)

// liveView is the view of a soak on a terminal.
type liveView struct {
	status        func() soak.Status
	stop          func() // the soak
	width, height int
	ending        bool
}

const refresh = 250 * time.Millisecond

type refreshMsg struct{}

func again() tea.Cmd { return tea.Tick(refresh, func(time.Time) tea.Msg { return refreshMsg{} }) }

// watchLive shows the view until the function that it gives is called.
func (o *soakOutput) watchLive() (done func()) {
	v := &liveView{status: o.soak.Status, stop: o.stop, width: 80, height: 24}
	p := tea.NewProgram(v, tea.WithOutput(o.live), tea.WithInput(os.Stdin), tea.WithoutSignalHandler())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = p.Run() // without a view the soak goes on
	}()
	return func() {
		p.Quit()
		<-ended
	}
}

func (v *liveView) Init() tea.Cmd { return again() }

func (v *liveView) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		v.width, v.height = msg.Width, msg.Height
	case refreshMsg:
		return v, again()
	case tea.KeyPressMsg:
		if key := msg.String(); key != "ctrl+c" && key != "q" {
			break
		}
		if v.ending {
			os.Exit(exitInterrupted) // as the second SIGINT does; the journal takes no harm
		}
		v.ending = true
		v.stop()
	}
	return v, nil
}

func (v *liveView) View() tea.View {
	st := v.status()
	view := tea.NewView(render(&st, v.width, v.height, v.ending))
	view.AltScreen = true
	view.WindowTitle = fmt.Sprintf("crashsim soak %s: %s", st.Target, plural(len(st.Findings), "finding"))
	return view
}

var (
	strong = lipgloss.NewStyle().Bold(true)
	alarm  = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
	quiet  = lipgloss.NewStyle().Faint(true)
)

// render fits a soak into a window. What matters most stands first, and what has no
// room is left out.
func render(st *soak.Status, width, height int, ending bool) string {
	lines := []string{strong.Render("crashsim soak "+st.Target) + "  " + clock(st), bar(st, width)}
	lines = append(lines, grid(st, width)...)
	last := quiet.Render("q: end; crashsim soak --resume goes on")
	if ending {
		last = alarm.Render("ends: the rounds under way are broken off")
	}
	room := height - len(lines) - 1
	list := findingLines(st, room*2/3)
	running := runningLines(st, room-len(list))
	lines = append(append(lines, list...), running...)
	lines = lines[:min(len(lines), max(0, height-1))]
	for i, l := range lines {
		lines[i] = ansi.Truncate(l, width, "")
	}
	return strings.Join(append(lines, ansi.Truncate(last, width, "")), "\n")
}

// clock tells how long it went on, and how long it will.
func clock(st *soak.Status) string {
	if st.Left < 0 {
		return span(st.Elapsed)
	}
	return span(st.Elapsed) + ", " + span(st.Left) + " left"
}

// bar shows how much is done, in ASCII.
func bar(st *soak.Status, width int) string {
	done := 0.0
	if st.Left >= 0 {
		done = float64(st.Elapsed) / float64(st.Elapsed+st.Left+1)
	}
	if st.OfRounds > 0 {
		done = max(done, float64(st.Rounds)/float64(st.OfRounds))
	}
	n := max(0, min(width, 72)-2)
	full := min(n, int(done*float64(n)+0.5))
	return "[" + strings.Repeat("=", full) + strings.Repeat(" ", n-full) + "]"
}

// grid sets the figures in as many columns as there is room for.
func grid(st *soak.Status, width int) (lines []string) {
	rounds := thousands(st.Rounds)
	if st.OfRounds > 0 {
		rounds += " of " + thousands(st.OfRounds)
	}
	found := thousands(len(st.Findings))
	if len(st.Findings) > 0 {
		found = alarm.Render(found)
	}
	cells := [][2]string{
		{"findings", found}, {"rounds", rounds},
		{"crash states", thousands(st.States)}, {"a second", thousands(int(st.PerSecond()))},
		{"unique", share(st.Unique, st.States)}, {"recoveries", thousands(st.Recoveries)},
		{"capped", thousands(st.Capped)}, {"sites", thousands(st.Sites)},
		{"probes fired", thousands(st.Probes)}, {"faults", thousands(st.Faults)},
		{"memory", inBytes(st.Memory)},
	}
	const cell = 32
	columns := max(1, min(3, width/cell))
	for i := 0; i < len(cells); i += columns {
		line := ""
		for _, c := range cells[i:min(i+columns, len(cells))] {
			text := fmt.Sprintf("%-13s %s", c[0], c[1])
			line += text + strings.Repeat(" ", max(1, cell-ansi.StringWidth(text)))
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// findingLines tells the latest findings, in as many lines as there is room for.
func findingLines(st *soak.Status, room int) []string {
	if len(st.Findings) == 0 || room < 2 {
		return nil
	}
	lines := []string{strong.Render("findings, the latest first")}
	for i := len(st.Findings) - 1; i >= 0 && len(lines) < room; i-- {
		f := st.Findings[i]
		lines = append(lines, fmt.Sprintf("%3d %s", f.Number, f.Sentence))
	}
	return lines
}

func runningLines(st *soak.Status, room int) []string {
	if len(st.Running) == 0 || room < 2 {
		return nil
	}
	lines := []string{strong.Render("under way")}
	for _, r := range st.Running {
		if len(lines) == room {
			break
		}
		lines = append(lines, fmt.Sprintf("%d %s %d/%d  %s", r.Round, r.Progress.Phase, r.Progress.Done, r.Progress.Total, r.Mix))
	}
	return lines
}
