// What members of groups find with franz-go: `client-checks BOOTSTRAP PREFIX groups`.
package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const shareTimeout = 30 * time.Second

// One member of a group, on a goroutine of its own until it leaves.
type member struct {
	client   *kgo.Client
	mutex    sync.Mutex
	assigned map[int32]bool
	values   []string
	stopped  chan struct{}
}

func groupChecks() {
	classic := []kgo.Opt{kgo.SessionTimeout(10 * time.Second), kgo.HeartbeatInterval(300 * time.Millisecond)}
	// The library asks for this word before it speaks the new protocol.
	modern := []kgo.Opt{kgo.WithContext(context.WithValue(ctx, "opt_in_kafka_next_gen_balancer_beta", true))}
	memberChecks("classic, range", append(slices.Clone(classic), kgo.Balancers(kgo.RangeBalancer())))
	memberChecks("classic, cooperative-sticky", append(slices.Clone(classic), kgo.Balancers(kgo.CooperativeStickyBalancer())))
	memberChecks("consumer", modern)
	check("classic: a static member comes back to what it had", func() error { return staticMember("static-classic", classic) })
	check("admin: list, describe, offsets, lag, delete", groupAdmin)
}

func memberChecks(name string, options []kgo.Opt) {
	check(name+": a second member gets its share, and gives it back; nothing is lost", func() error {
		group := fmt.Sprintf("shared-%d", len(name))
		topic, err := filledTopic(group, 4, 5)
		if err != nil {
			return err
		}
		first := joinGroup(prefix+"-"+group, topic, options...)
		defer first.leave()
		if err := await("all is read", func() bool { return first.count() == 20 }); err != nil {
			return err
		}
		second := joinGroup(prefix+"-"+group, topic, options...)
		defer second.leave()
		if err := await("half each", func() bool { return first.share() == 2 && second.share() == 2 }); err != nil {
			return err
		}
		if err := write(topic, 4, 5, 8); err != nil {
			return err
		}
		if err := await("new records", func() bool { return first.count()+second.count() >= 32 }); err != nil {
			return err
		}
		if err := same(6, second.count()); err != nil {
			return err
		}
		second.leave()
		if err := await("all again", func() bool { return first.share() == 4 }); err != nil {
			return err
		}
		first.leave()
		return committedEverywhere(prefix+"-"+group, topic, 4, 8)
	})
}

func staticMember(text string, options []kgo.Opt) error {
	topic, err := filledTopic(text, 4, 1)
	if err != nil {
		return err
	}
	group := prefix + "-" + text
	as := func(name string) *member {
		return joinGroup(group, topic, append(slices.Clone(options), kgo.InstanceID(name))...)
	}
	first := as("a")
	defer first.leave()
	second := as("b")
	if err := await("half each", func() bool { return first.share() == 2 && second.share() == 2 }); err != nil {
		second.leave()
		return err
	}
	had := second.partitions()
	second.leave()
	again := as("b")
	defer again.leave()
	if err := await("its share", func() bool { return again.share() == 2 }); err != nil {
		return err
	}
	return same(fmt.Sprint(had), fmt.Sprint(again.partitions()))
}

func groupAdmin() error {
	topic, err := filledTopic("group-admin", 2, 5)
	if err != nil {
		return err
	}
	group := prefix + "-group-admin"
	joined := joinGroup(group, topic, kgo.HeartbeatInterval(300*time.Millisecond), kgo.ClientID("checks"))
	defer joined.leave()
	if err := await("all is read", func() bool { return joined.count() == 10 }); err != nil {
		return err
	}
	listed, err := admin.ListGroups(ctx, "Stable")
	if err != nil || listed[group].State != "Stable" || listed[group].ProtocolType != "consumer" {
		return fmt.Errorf("listed as %+v (%v)", listed[group], err)
	}
	described, err := admin.DescribeGroups(ctx, group)
	if err != nil || len(described[group].Members) != 1 || described[group].Members[0].ClientID != "checks" {
		return fmt.Errorf("described as %+v (%v)", described[group], err)
	}
	if _, err := admin.DeleteGroup(ctx, group); !errors.Is(err, kerr.NonEmptyGroup) {
		return fmt.Errorf("%v in place of NON_EMPTY_GROUP", err)
	}
	joined.leave()
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 2, LeaderEpoch: -1, Metadata: "a note"})
	if err := admin.CommitAllOffsets(ctx, group, offsets); err != nil {
		return err
	}
	fetched, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	found, _ := fetched.Lookup(topic, 0)
	if found.At != 2 || found.Metadata != "a note" {
		return fmt.Errorf("committed %+v", found)
	}
	lags, err := admin.Lag(ctx, group)
	if err != nil || lags.Error() != nil {
		return errors.Join(err, lags.Error())
	}
	lag := lags[group].Lag
	if err := same(int64(3), lag.Total()); err != nil {
		return err
	}
	if _, err := admin.DeleteGroup(ctx, group); err != nil {
		return err
	}
	if _, err := admin.DeleteGroup(ctx, group); !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("%v in place of GROUP_ID_NOT_FOUND", err)
	}
	return nil
}

func joinGroup(group, topic string, options ...kgo.Opt) *member {
	one := &member{assigned: map[int32]bool{}, stopped: make(chan struct{})}
	change := func(is bool) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, client *kgo.Client, changed map[string][]int32) {
			if !is {
				_ = client.CommitUncommittedOffsets(ctx)
			}
			one.mutex.Lock()
			defer one.mutex.Unlock()
			for _, partition := range changed[topic] {
				if is {
					one.assigned[partition] = true
				} else {
					delete(one.assigned, partition)
				}
			}
		}
	}
	all := []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.OnPartitionsAssigned(change(true)), kgo.OnPartitionsRevoked(change(false)), kgo.OnPartitionsLost(change(false)),
	}
	one.client = open(append(all, options...)...)
	go one.run()
	return one
}

func (one *member) run() {
	defer close(one.stopped)
	for {
		fetches := one.client.PollFetches(ctx)
		if fetches.IsClientClosed() || ctx.Err() != nil {
			return
		}
		one.mutex.Lock()
		fetches.EachRecord(func(record *kgo.Record) { one.values = append(one.values, string(record.Value)) })
		one.mutex.Unlock()
	}
}

// Leaves, if it has not left.
func (one *member) leave() {
	one.client.CloseAllowingRebalance()
	<-one.stopped
}

func (one *member) count() int {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	return len(one.values)
}

func (one *member) share() int {
	return len(one.partitions())
}

func (one *member) partitions() []int32 {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	partitions := make([]int32, 0, len(one.assigned))
	for partition := range one.assigned {
		partitions = append(partitions, partition)
	}
	slices.Sort(partitions)
	return partitions
}

func filledTopic(text string, partitions int32, records int) (string, error) {
	topic, err := newTopic(text, partitions, nil)
	if err != nil {
		return "", err
	}
	return topic, write(topic, partitions, 0, records)
}

func write(topic string, partitions int32, from, to int) error {
	client := open(kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	var records []*kgo.Record
	for offset := from; offset < to; offset++ {
		for partition := range partitions {
			records = append(records, &kgo.Record{Partition: partition, Value: fmt.Appendf(nil, "%d.%d", partition, offset)})
		}
	}
	return client.ProduceSync(ctx, records...).FirstErr()
}

func committedEverywhere(group, topic string, partitions int32, want int64) error {
	fetched, err := admin.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	for partition := range partitions {
		found, _ := fetched.Lookup(topic, partition)
		if err := same(want, found.At); err != nil {
			return err
		}
	}
	return nil
}

func await(what string, holds func() bool) error {
	for giveUpAt := time.Now().Add(shareTimeout); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(giveUpAt) {
			return errors.New("not in time: " + what)
		}
	}
	return nil
}
