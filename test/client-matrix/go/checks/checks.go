// Package checks runs checks and prints one line for each: "ok NAME", "not ok NAME: why", "none NAME: why".
package checks

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

const checkTimeMax = 40 * time.Second
const waitTimeMax = 20 * time.Second

// ErrNone is returned by a check of something that the client does not have.
var ErrNone = errors.New("the client does not have it")

// Check is one check; its topic is nobody else's.
type Check struct {
	Name string
	Body func(topic string) error
}

// Bootstrap is the address of the broker.
func Bootstrap() string { return os.Args[1] }

// Run runs them one after the other. A check that does not end is left behind.
func Run(all []Check) {
	for _, one := range all {
		ended := make(chan error, 1)
		go func() {
			defer func() {
				if problem := recover(); problem != nil {
					ended <- fmt.Errorf("panic: %v", problem)
				}
			}()
			ended <- one.Body(os.Args[2] + "-" + one.Name)
		}()
		select {
		case err := <-ended:
			report(one.Name, err)
		case <-time.After(checkTimeMax):
			report(one.Name, fmt.Errorf("not over within %s", checkTimeMax))
		}
	}
}

func report(name string, err error) {
	switch {
	case err == nil:
		fmt.Println("ok " + name)
	case errors.Is(err, ErrNone):
		fmt.Printf("none %s: %s\n", name, err)
	default:
		fmt.Printf("not ok %s: %s\n", name, strings.Join(strings.Fields(err.Error()), " "))
	}
}

// PrintClient says which client this is, in the version that was built in.
func PrintClient(name, module string) {
	info, _ := debug.ReadBuildInfo()
	for _, one := range info.Deps {
		if one.Path == module {
			fmt.Printf("client %s %s\n", name, strings.TrimPrefix(one.Version, "v"))
		}
	}
}

// Same is an error unless both are equal.
func Same(wanted, found any) error {
	if reflect.DeepEqual(wanted, found) {
		return nil
	}
	return fmt.Errorf("%v in place of %v", found, wanted)
}

// Until asks again and again, since a client learns of a change only by and by.
func Until(what string, holds func() (bool, error)) error {
	for giveUpAt := time.Now().Add(waitTimeMax); ; time.Sleep(50 * time.Millisecond) {
		if done, err := holds(); err != nil || done {
			return err
		}
		if time.Now().After(giveUpAt) {
			return fmt.Errorf("not in time: %s", what)
		}
	}
}

// Values are what is produced: "value 0", "value 1", …
func Values(count int) []string {
	all := make([]string, count)
	for at := range all {
		all[at] = fmt.Sprintf("value %d", at)
	}
	return all
}

// Offsets are the numbers from a first one to a last one, not included.
func Offsets(from, end int64) []int64 {
	all := []int64{}
	for ; from < end; from++ {
		all = append(all, from)
	}
	return all
}

// FirstTime is the first of the timestamps that a check gives, a second apart; not old enough for retention.
func FirstTime() time.Time { return time.Now().Add(-time.Minute).Truncate(time.Millisecond) }
