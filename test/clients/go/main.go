// What franz-go must find. Arguments: bootstrap server, beginning of topic names; `groups` behind them for groups alone.
// Prints a line for each check: "ok NAME", or "not ok NAME: what was wrong".
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	bootstrap  = os.Args[1]
	prefix     = os.Args[2]
	topicsMade = 0
	ctx        context.Context
	admin      *kadm.Client
)

func main() {
	limited, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	ctx = limited
	client := open(kgo.MetadataMinAge(20 * time.Millisecond))
	defer client.Close()
	admin = kadm.NewClient(client)
	if len(os.Args) > 3 && os.Args[3] == "groups" {
		groupChecks()
		return
	}
	producerChecks()
	consumerChecks()
	adminChecks()
}

func check(name string, body func() error) {
	startedAt := time.Now()
	if err := body(); err != nil {
		fmt.Printf("not ok %s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", " "))
		return
	}
	fmt.Printf("ok %s (%d ms)\n", name, time.Since(startedAt).Milliseconds())
}

func producerChecks() {
	check("producer with its defaults: promises in order, offsets as they are read back", func() error {
		topic, err := newTopic("defaults", 3, nil)
		if err != nil {
			return err
		}
		var mutex sync.Mutex
		var failure error
		next := map[int32]int64{}
		client := open(kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(4000))
		defer client.Close()
		for i := range 10_000 {
			record := &kgo.Record{Partition: int32(i % 3), Key: fmt.Appendf(nil, "key %d", i), Value: fmt.Appendf(nil, "value %d", i)}
			client.Produce(ctx, record, func(record *kgo.Record, err error) {
				mutex.Lock()
				defer mutex.Unlock()
				if err == nil && record.Offset != next[record.Partition] {
					err = fmt.Errorf("offset %d in place of %d", record.Offset, next[record.Partition])
				}
				if err != nil && failure == nil {
					failure = err
				}
				next[record.Partition]++
			})
		}
		if err := errors.Join(client.Flush(ctx), failure); err != nil {
			return err
		}
		for partition := range int32(3) {
			records, err := readAll(topic, partition, int(next[partition]))
			if err != nil {
				return err
			}
			for n, record := range records {
				if want := fmt.Sprintf("value %d", n*3+int(partition)); string(record.Value) != want || record.Offset != int64(n) {
					return fmt.Errorf("offset %d has %q, not %q", record.Offset, record.Value, want)
				}
			}
		}
		return nil
	})
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for _, name := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
		check("compression "+name+": keys, headers, nulls and emptiness", func() error {
			topic, err := newTopic("go-"+name, 1, nil)
			if err != nil {
				return err
			}
			client := open(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(codecs[name]), kgo.ProducerLinger(50*time.Millisecond))
			defer client.Close()
			sent := sampleRecords()
			if err := client.ProduceSync(ctx, sent...).FirstErr(); err != nil {
				return err
			}
			read, err := readAll(topic, 0, len(sent))
			if err != nil {
				return err
			}
			for n := range sent {
				if err := sameRecord(sent[n], read[n]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for name, acks := range map[string]kgo.Acks{"0": kgo.NoAck(), "1": kgo.LeaderAck(), "all": kgo.AllISRAcks()} {
		check("acks "+name+" without idempotence", func() error {
			topic, err := newTopic("acks", 1, nil)
			if err != nil {
				return err
			}
			client := open(kgo.DefaultProduceTopic(topic), kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
			defer client.Close()
			if err := client.ProduceSync(ctx, value("a"), value("b")).FirstErr(); err != nil {
				return err
			}
			read, err := readAll(topic, 0, 2)
			if err != nil {
				return err
			}
			return same("ab", string(read[0].Value)+string(read[1].Value))
		})
	}
	check("a record too large for the topic: MESSAGE_TOO_LARGE, others go on", func() error {
		limit := "5000"
		topic, err := newTopic("large", 1, map[string]*string{"max.message.bytes": &limit})
		if err != nil {
			return err
		}
		client := open(kgo.DefaultProduceTopic(topic), kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer client.Close()
		err = client.ProduceSync(ctx, &kgo.Record{Value: make([]byte, 6000)}).FirstErr()
		if !errors.Is(err, kerr.MessageTooLarge) {
			return fmt.Errorf("%v in place of MESSAGE_TOO_LARGE", err)
		}
		record, err := client.ProduceSync(ctx, &kgo.Record{Value: []byte(strings.Repeat("0123456789", 480))}).First()
		if err != nil {
			return err
		}
		return same(int64(0), record.Offset)
	})
	check("a topic that is not there: an error, or it comes into being", func() error {
		client := open(kgo.DefaultProduceTopic(prefix+"-never"), kgo.UnknownTopicRetries(0))
		defer client.Close()
		if err := client.ProduceSync(ctx, value("x")).FirstErr(); !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("%v in place of UNKNOWN_TOPIC_OR_PARTITION", err)
		}
		creating := open(kgo.DefaultProduceTopic(prefix+"-auto"), kgo.AllowAutoTopicCreation())
		defer creating.Close()
		record, err := creating.ProduceSync(ctx, value("x")).First()
		if err != nil {
			return err
		}
		return same(int64(0), record.Offset)
	})
	check("append time is reported", func() error {
		kind := "LogAppendTime"
		topic, err := newTopic("time", 1, map[string]*string{"message.timestamp.type": &kind})
		if err != nil {
			return err
		}
		client := open(kgo.DefaultProduceTopic(topic))
		defer client.Close()
		before := time.Now().Add(-2 * time.Millisecond)
		if err := client.ProduceSync(ctx, &kgo.Record{Value: []byte("x"), Timestamp: time.UnixMilli(12345)}).FirstErr(); err != nil {
			return err
		}
		read, err := readAll(topic, 0, 1)
		if err != nil {
			return err
		}
		if read[0].Timestamp.Before(before) || read[0].Attrs.TimestampType() != 1 {
			return fmt.Errorf("time %v of type %d", read[0].Timestamp, read[0].Attrs.TimestampType())
		}
		return nil
	})
}

func consumerChecks() {
	topic, err := newTopic("consume", 2, nil)
	base := time.Now().Add(-100 * time.Second).Truncate(time.Millisecond)
	if err == nil {
		client := open(kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchMaxBytes(2000))
		for i := range 1000 {
			client.Produce(ctx, &kgo.Record{Value: fmt.Appendf(nil, "record %d", i), Timestamp: base.Add(time.Duration(i) * 10 * time.Millisecond)}, nil)
		}
		err = client.Flush(ctx)
		client.Close()
	}
	first := func(offset kgo.Offset, more ...kgo.Opt) (int64, error) {
		records, err := read(topic, 0, 1, offset, more...)
		if err != nil {
			return 0, err
		}
		return records[0].Offset, nil
	}
	check("from the start, an offset, behind the end, a time", func() error {
		if err != nil {
			return err
		}
		for name, each := range map[string]struct {
			offset kgo.Offset
			want   int64
		}{
			"start":      {kgo.NewOffset().AtStart(), 0},
			"offset":     {kgo.NewOffset().At(777), 777},
			"end":        {kgo.NewOffset().AtEnd().Relative(-3), 997},
			"time":       {kgo.NewOffset().AfterMilli(base.UnixMilli() + 4995), 500},
			"with epoch": {kgo.NewOffset().At(10).WithEpoch(0), 10},
		} {
			got, err := first(each.offset)
			if err != nil || got != each.want {
				return fmt.Errorf("%s: offset %d (%v)", name, got, err)
			}
		}
		return nil
	})
	check("out of range jumps to where it is told", func() error {
		got, err := first(kgo.NewOffset().At(5000), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		return errors.Join(err, same(int64(0), got))
	})
	check("small fetches bring everything, in order", func() error {
		small := []kgo.Opt{kgo.FetchMaxBytes(1000), kgo.FetchMaxPartitionBytes(100), kgo.BrokerMaxReadBytes(1 << 20)}
		records, err := read(topic, 0, 1000, kgo.NewOffset().AtStart(), small...)
		if err != nil {
			return err
		}
		for n, record := range records {
			if err := same(int64(n), record.Offset); err != nil {
				return err
			}
		}
		return nil
	})
	check("read committed sees the same", func() error {
		records, err := read(topic, 0, 2, kgo.NewOffset().At(998), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
		return errors.Join(err, same(2, len(records)))
	})
	check("a waiting fetch is answered at once", func() error {
		consumer := open(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {1: kgo.NewOffset().AtStart()}}), kgo.FetchMaxWait(20*time.Second))
		defer consumer.Close()
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		consumer.PollFetches(short)
		cancel()
		producer := open(kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer producer.Close()
		startedAt := time.Now()
		if err := producer.ProduceSync(ctx, &kgo.Record{Partition: 1, Value: []byte("now")}).FirstErr(); err != nil {
			return err
		}
		fetches := consumer.PollFetches(ctx)
		if err := fetches.Err(); err != nil || fetches.NumRecords() != 1 {
			return fmt.Errorf("%d records (%v)", fetches.NumRecords(), err)
		}
		if took := time.Since(startedAt); took > 3*time.Second {
			return fmt.Errorf("after %v", took)
		}
		return nil
	})
}

func adminChecks() {
	check("create: what it became, and refusals", func() error {
		retention := "4000000"
		name := prefix + "-created"
		made, err := admin.CreateTopic(ctx, -1, -1, map[string]*string{"retention.ms": &retention}, name)
		if err != nil {
			return err
		}
		if made.NumPartitions != 1 || made.ReplicationFactor != 1 || *made.Configs["retention.ms"].Value != retention {
			return fmt.Errorf("%+v", made)
		}
		for want, try := range map[*kerr.Error]func() (kadm.CreateTopicResponse, error){
			kerr.TopicAlreadyExists:       func() (kadm.CreateTopicResponse, error) { return admin.CreateTopic(ctx, 1, 1, nil, name) },
			kerr.InvalidTopicException:    func() (kadm.CreateTopicResponse, error) { return admin.CreateTopic(ctx, 1, 1, nil, "a/b") },
			kerr.InvalidPartitions:        func() (kadm.CreateTopicResponse, error) { return admin.CreateTopic(ctx, 0, 1, nil, name+"-0") },
			kerr.InvalidReplicationFactor: func() (kadm.CreateTopicResponse, error) { return admin.CreateTopic(ctx, 1, 7, nil, name+"-7") },
			kerr.InvalidConfig: func() (kadm.CreateTopicResponse, error) {
				return admin.CreateTopic(ctx, 1, 1, map[string]*string{"no.such": &retention}, name+"-config")
			},
		} {
			if _, err := try(); !errors.Is(err, want) {
				return fmt.Errorf("%v in place of %s", err, want.Message)
			}
		}
		return nil
	})
	check("list, describe, delete", func() error {
		name, err := newTopic("listed", 3, nil)
		if err != nil {
			return err
		}
		topics, err := admin.ListTopics(ctx)
		if err != nil || len(topics[name].Partitions) != 3 || topics[name].Partitions[2].Leader != 1 {
			return fmt.Errorf("%+v (%v)", topics[name], err)
		}
		if _, err := admin.DeleteTopic(ctx, name); err != nil {
			return err
		}
		if _, err := admin.DeleteTopic(ctx, name); !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return fmt.Errorf("%v in place of UNKNOWN_TOPIC_OR_PARTITION", err)
		}
		return nil
	})
	check("a topic that is deleted and made again under a living producer", func() error {
		name, err := newTopic("again", 1, nil)
		if err != nil {
			return err
		}
		client := open(kgo.DefaultProduceTopic(name), kgo.MetadataMinAge(50*time.Millisecond), kgo.MetadataMaxAge(time.Second), kgo.UnknownTopicRetries(-1))
		defer client.Close()
		if err := client.ProduceSync(ctx, value("old"), value("old")).FirstErr(); err != nil {
			return err
		}
		if _, err := admin.DeleteTopic(ctx, name); err != nil {
			return err
		}
		for n := 0; ; n++ {
			_, err := admin.CreateTopic(ctx, 1, 1, nil, name)
			if err == nil {
				break
			}
			if n == 100 {
				return err
			}
			time.Sleep(20 * time.Millisecond)
		}
		// The client learns of the other id by itself; a client of its own knows no other.
		fresh := open(kgo.DefaultProduceTopic(name), kgo.UnknownTopicRetries(-1))
		defer fresh.Close()
		record, err := fresh.ProduceSync(ctx, value("new")).First()
		return errors.Join(err, same(int64(0), record.Offset))
	})
	check("add and set the number of partitions", func() error {
		name, err := newTopic("grow", 1, nil)
		if err != nil {
			return err
		}
		if _, err := admin.CreatePartitions(ctx, 2, name); err != nil {
			return err
		}
		answers, err := admin.CreatePartitions(ctx, 0, name)
		if got := errors.Join(answers.Error(), err); !errors.Is(got, kerr.InvalidPartitions) {
			return fmt.Errorf("%v in place of INVALID_PARTITIONS", got)
		}
		return nil
	})
	check("describe and alter options", func() error {
		name, err := newTopic("options", 1, nil)
		if err != nil {
			return err
		}
		text := "123456"
		if _, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &text}}, name); err != nil {
			return err
		}
		for n := 0; ; n++ {
			described, err := admin.DescribeTopicConfigs(ctx, name)
			if err != nil {
				return err
			}
			found := ""
			for _, config := range described[0].Configs {
				if config.Key == "retention.ms" {
					found = config.MaybeValue()
				}
			}
			if found == text {
				break
			}
			if n == 50 {
				return fmt.Errorf("retention.ms is %q", found)
			}
			time.Sleep(20 * time.Millisecond)
		}
		bad := "soon"
		altered, err := admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "retention.ms", Value: &bad}}, name)
		if err != nil || !errors.Is(altered[0].Err, kerr.InvalidConfig) {
			return fmt.Errorf("%v, %v in place of INVALID_CONFIG", altered, err)
		}
		brokers, err := admin.DescribeBrokerConfigs(ctx, 1)
		if err != nil || len(brokers[0].Configs) < 10 {
			return fmt.Errorf("%v (%v)", brokers, err)
		}
		return nil
	})
	check("offsets of every kind", func() error {
		name, err := newTopic("offsets", 1, nil)
		if err != nil {
			return err
		}
		client := open(kgo.DefaultProduceTopic(name))
		defer client.Close()
		now := time.Now().Truncate(time.Millisecond)
		for _, age := range []time.Duration{3, 1, 2} {
			if err := client.ProduceSync(ctx, &kgo.Record{Value: []byte("x"), Timestamp: now.Add(-age * time.Second)}).FirstErr(); err != nil {
				return err
			}
		}
		for name, each := range map[string]struct {
			ask  func() (kadm.ListedOffsets, error)
			want int64
		}{
			"start":        {func() (kadm.ListedOffsets, error) { return admin.ListStartOffsets(ctx, name) }, 0},
			"end":          {func() (kadm.ListedOffsets, error) { return admin.ListEndOffsets(ctx, name) }, 3},
			"committed":    {func() (kadm.ListedOffsets, error) { return admin.ListCommittedOffsets(ctx, name) }, 3},
			"largest time": {func() (kadm.ListedOffsets, error) { return admin.ListMaxTimestampOffsets(ctx, name) }, 1},
			"after": {func() (kadm.ListedOffsets, error) {
				return admin.ListOffsetsAfterMilli(ctx, now.UnixMilli()-2500, name)
			}, 1},
		} {
			listed, err := each.ask()
			if err == nil {
				err = listed.Error()
			}
			found, _ := listed.Lookup(prefix+"-offsets", 0)
			if err != nil || found.Offset != each.want {
				return fmt.Errorf("%s: %+v (%v)", name, found, err)
			}
		}
		request := kadm.OffsetForLeaderEpochRequest{}
		request.Add(name, 0, 1<<20)
		ends, err := admin.OffsetForLeaderEpoch(ctx, request)
		if err != nil || ends[name][0].EndOffset != -1 {
			return fmt.Errorf("epoch to come: %+v (%v)", ends, err)
		}
		return nil
	})
	check("the cluster, and what it speaks", func() error {
		metadata, err := admin.BrokerMetadata(ctx)
		if err != nil || len(metadata.Brokers) != 1 || metadata.Controller != 1 || len(metadata.Cluster) != 22 {
			return fmt.Errorf("%+v (%v)", metadata, err)
		}
		versions, err := admin.ApiVersions(ctx)
		if err != nil {
			return err
		}
		broker := versions[1]
		newest, known := broker.KeyMaxVersion(0)
		if !known {
			return errors.New("no Produce")
		}
		return same(int16(13), newest)
	})
}

func open(options ...kgo.Opt) *kgo.Client {
	all := append([]kgo.Opt{kgo.SeedBrokers(bootstrap), kgo.RetryTimeout(15 * time.Second)}, options...)
	client, err := kgo.NewClient(all...)
	if err != nil {
		panic(err)
	}
	return client
}

func newTopic(text string, partitions int32, configs map[string]*string) (string, error) {
	name := prefix + "-" + text
	if text == "acks" {
		topicsMade++
		name = fmt.Sprintf("%s-%d", name, topicsMade)
	}
	if _, err := admin.CreateTopic(ctx, partitions, 1, configs, name); err != nil {
		return "", err
	}
	// Kafka's broker learns of a topic a little after its controller.
	for range 200 {
		listed, err := admin.ListEndOffsets(ctx, name)
		if err == nil && listed.Error() == nil && len(listed[name]) == int(partitions) {
			return name, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return "", fmt.Errorf("%s is not led", name)
}

func readAll(topic string, partition int32, count int) ([]*kgo.Record, error) {
	return read(topic, partition, count, kgo.NewOffset().AtStart())
}

func read(topic string, partition int32, count int, from kgo.Offset, options ...kgo.Opt) ([]*kgo.Record, error) {
	client := open(append(options, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: from}}))...)
	defer client.Close()
	limited, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < count {
		fetches := client.PollFetches(limited)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("after %d records of %d: %w", len(records), count, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records, nil
}

func sampleRecords() []*kgo.Record {
	now := time.Now().Truncate(time.Millisecond)
	records := []*kgo.Record{
		{Key: []byte("key"), Value: []byte("value"), Timestamp: now},
		{Value: []byte("no key"), Timestamp: now.Add(-10 * time.Millisecond)},
		{Key: []byte("no value"), Timestamp: now.Add(10 * time.Millisecond)},
		{Key: []byte{}, Value: []byte{}, Timestamp: now},
		{Timestamp: now},
		{Value: []byte("headers"), Timestamp: now, Headers: []kgo.RecordHeader{
			{Key: "a", Value: []byte("1")}, {Key: "a", Value: []byte("2")}, {Key: "null"}, {Key: "ü", Value: []byte("ä")},
		}},
	}
	for n := range 500 {
		text := strings.Repeat("compressible ", 20)
		records = append(records, &kgo.Record{Key: fmt.Appendf(nil, "k%d", n), Value: fmt.Appendf(nil, "%s%d", text, n), Timestamp: now})
	}
	return records
}

func sameRecord(sent, read *kgo.Record) error {
	if !sameBytes(sent.Key, read.Key) || !sameBytes(sent.Value, read.Value) || !sent.Timestamp.Equal(read.Timestamp) {
		return fmt.Errorf("offset %d: %q %q %v", read.Offset, read.Key, read.Value, read.Timestamp)
	}
	if len(sent.Headers) != len(read.Headers) {
		return fmt.Errorf("offset %d: %d headers", read.Offset, len(read.Headers))
	}
	for n, header := range sent.Headers {
		if header.Key != read.Headers[n].Key || !sameBytes(header.Value, read.Headers[n].Value) {
			return fmt.Errorf("offset %d: header %+v", read.Offset, read.Headers[n])
		}
	}
	return nil
}

func sameBytes(a, b []byte) bool {
	return (a == nil) == (b == nil) && bytes.Equal(a, b)
}

func value(text string) *kgo.Record {
	return &kgo.Record{Value: []byte(text)}
}

func same[T comparable](want, got T) error {
	if want != got {
		return fmt.Errorf("%v in place of %v", got, want)
	}
	return nil
}
