// What franz-go does with `harrow serve`: each step prints its name once it has gone well.
package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

var servers, control, harrow = strings.Split(os.Args[1], ","), os.Args[2], os.Args[3]

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func ctl(words ...string) {
	must(exec.Command(harrow, append([]string{"ctl", "--control", control}, words...)...).Run())
}

func client(options ...kgo.Opt) *kgo.Client {
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(servers...), kgo.AllowAutoTopicCreation())...)
	must(err)
	return client
}

func within(limit time.Duration) context.Context {
	context, _ := context.WithTimeout(context.Background(), limit)
	return context
}

func records(topic, prefix string, count int) (all []*kgo.Record) {
	for at := 0; at < count; at++ {
		all = append(all, &kgo.Record{Topic: topic, Value: []byte(fmt.Sprintf("%s-%d", prefix, at))})
	}
	return all
}

func send(client *kgo.Client, records []*kgo.Record) {
	must(client.ProduceSync(within(time.Minute), records...).FirstErr())
}

func read(client *kgo.Client, count int) (values []string) {
	seen := map[string]bool{}
	for context := within(time.Minute); len(values) < count && context.Err() == nil; {
		client.PollFetches(context).EachRecord(func(record *kgo.Record) {
			values = append(values, string(record.Value))
			seen[string(record.Value)] = true
		})
	}
	if len(values) != count || len(seen) != count {
		panic(fmt.Sprintf("%d of %d records", len(values), count))
	}
	return values
}

func admin() {
	client := client()
	defer client.Close()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "made", 3, 3
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics, create.TimeoutMillis = append(create.Topics, topic), 30000
	_, err := create.RequestWith(within(time.Minute), client)
	must(err)
	deleted := kmsg.NewPtrDeleteTopicsRequest()
	named := kmsg.NewDeleteTopicsRequestTopic()
	named.Topic = kmsg.StringPtr("made")
	deleted.TopicNames, deleted.Topics, deleted.TimeoutMillis = []string{"made"}, append(deleted.Topics, named), 30000
	_, err = deleted.RequestWith(within(time.Minute), client)
	must(err)
}

func produce() {
	for _, codec := range []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(),
		kgo.Lz4Compression(), kgo.ZstdCompression()} {
		client := client(kgo.ProducerBatchCompression(codec))
		send(client, records("codecs", "codecs", 20))
		client.Close()
	}
	client := client()
	defer client.Close()
	send(client, records("plain", "plain", 50))
}

func consume() {
	client := client(kgo.ConsumeTopics("plain"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	read(client, 50)
}

func group() {
	options := []kgo.Opt{kgo.ConsumerGroup("classic"), kgo.ConsumeTopics("plain"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}
	first := client(options...)
	read(first, 50)
	must(first.CommitUncommittedOffsets(within(time.Minute)))
	first.Close()
	second := client(options...)
	defer second.Close()
	if second.PollFetches(within(5*time.Second)).NumRecords() > 0 {
		panic("the commit is not there")
	}
}

func transaction() {
	session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(servers...), kgo.AllowAutoTopicCreation(),
		kgo.TransactionalID("suite"), kgo.ConsumerGroup("pipe"), kgo.ConsumeTopics("plain"),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	must(err)
	for done, until := 0, time.Now().Add(time.Minute); done < 50 && time.Now().Before(until); {
		fetched := session.PollFetches(within(5 * time.Second))
		if fetched.NumRecords() == 0 {
			continue
		}
		must(session.Begin())
		var made []*kgo.Record
		fetched.EachRecord(func(record *kgo.Record) {
			made = append(made, &kgo.Record{Topic: "transacted", Value: append([]byte("made-"), record.Value...)})
		})
		must(session.ProduceSync(within(time.Minute), made...).FirstErr())
		committed, err := session.End(within(time.Minute), kgo.TryCommit)
		must(err)
		if committed {
			done += len(made)
		}
	}
	session.Close()
	reader := client(kgo.ConsumeTopics("transacted"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer reader.Close()
	read(reader, 50)
}

func failover() {
	client := client(kgo.ConsumeTopics("struck"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer client.Close()
	send(client, records("struck", "before", 100))
	ctl("kill", "leader-of struck-0", "--power-loss", "--restart-after-ms", "1000")
	send(client, records("struck", "after", 100))
	read(client, 200)
}

func main() {
	for _, step := range []struct {
		name string
		run  func()
	}{{"admin", admin}, {"produce", produce}, {"consume", consume}, {"group", group}, {"transaction", transaction},
		{"failover", failover}} {
		step.run()
		fmt.Println(step.name)
	}
}
