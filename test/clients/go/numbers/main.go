// Numbered records with franz-go. `numbers produce BOOTSTRAP TOPIC PARTITIONS` writes 0, 1, 2, … to the partitions in turn, and prints
// "PARTITION OFFSET VALUE" for each that was acknowledged, until standard input ends. `numbers consume BOOTSTRAP GROUP TOPIC` is a member of
// a group: it prints "read PARTITION OFFSET VALUE" for each record, and "committed PARTITION OFFSET" for what was accepted, until it is killed.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const every = 20 * time.Millisecond

var ctx = context.Background()

func main() {
	bootstrap := kgo.SeedBrokers(strings.Split(os.Args[2], ",")...)
	if os.Args[1] == "produce" {
		partitions, err := strconv.Atoi(os.Args[4])
		exitOn(err)
		produce(bootstrap, os.Args[3], partitions)
		return
	}
	consume(bootstrap, os.Args[3], os.Args[4])
}

// Idempotent and acks=all, as the library has it.
func produce(bootstrap kgo.Opt, topic string, partitions int) {
	client, err := kgo.NewClient(bootstrap, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	exitOn(err)
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(ended)
	}()
	for n := 0; ; n++ {
		client.Produce(ctx, &kgo.Record{Partition: int32(n % partitions), Value: []byte(strconv.Itoa(n))}, acknowledged)
		select {
		case <-ended:
			exitOn(client.Flush(ctx))
			client.Close()
			return
		case <-time.After(every):
		}
	}
}

func acknowledged(record *kgo.Record, err error) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", record.Value, err)
		return
	}
	fmt.Printf("%d %d %s\n", record.Partition, record.Offset, record.Value)
}

func consume(bootstrap kgo.Opt, group, topic string) {
	client, err := kgo.NewClient(bootstrap, kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.Balancers(kgo.RangeBalancer()), kgo.DisableAutoCommit(),
		kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(200*time.Millisecond),
		kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second))
	exitOn(err)
	for {
		client.PollFetches(ctx).EachRecord(func(record *kgo.Record) {
			fmt.Printf("read %d %d %s\n", record.Partition, record.Offset, record.Value)
		})
		commit(client, topic)
		client.AllowRebalance()
	}
}

func commit(client *kgo.Client, topic string) {
	positions := client.UncommittedOffsets()[topic]
	// The group has gone on without it, or the server is away: what was read comes again.
	if err := client.CommitUncommittedOffsets(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for partition, position := range positions {
		fmt.Printf("committed %d %d\n", partition, position.Offset)
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
