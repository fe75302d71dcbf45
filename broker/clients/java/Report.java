import com.hivemq.client.mqtt.MqttClient;
import com.hivemq.client.mqtt.MqttClientBuilder;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.lifecycle.Mqtt3ClientConnectedContext;
import com.hivemq.client.mqtt.mqtt3.message.subscribe.Mqtt3Subscription;
import com.hivemq.client.mqtt.mqtt5.Mqtt5AsyncClient;
import com.hivemq.client.mqtt.mqtt5.exceptions.Mqtt5DisconnectException;
import com.hivemq.client.mqtt.mqtt5.lifecycle.Mqtt5ClientConnectedContext;
import com.hivemq.client.mqtt.mqtt5.message.subscribe.Mqtt5Subscription;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * Subscribes to state/#, event/# and final/# with the HiveMQ MQTT Client, which connects and subscribes again by itself, and reports as e2e/report_test.go
 * says. It shows no DUP.
 *
 * <p>java Report HOST PORT VERSION CLIENT-ID resume|clean
 */
public final class Report {
  private static final int KEEP_ALIVE_SECONDS = 240;
  private static final int EXPIRY_SECONDS = 600;
  private static final Stream<String> FILTERS = Stream.of("state/#", "event/#", "final/#");

  public static void main(String[] args) throws InterruptedException {
    boolean clean = args[4].equals("clean");
    MqttClientBuilder builder = MqttClient.builder().serverHost(args[0]).serverPort(Integer.parseInt(args[1])).identifier(args[3])
        .automaticReconnect().initialDelay(200, TimeUnit.MILLISECONDS).maxDelay(300, TimeUnit.MILLISECONDS).applyAutomaticReconnect();
    if (args[2].equals("5")) {
      five(builder, clean);
    } else {
      three(builder, clean);
    }
    new CountDownLatch(1).await();
  }

  private static void five(MqttClientBuilder builder, boolean clean) {
    Mqtt5AsyncClient client = builder.useMqttVersion5()
        .addConnectedListener(c -> connected(((Mqtt5ClientConnectedContext) c).getConnAck().isSessionPresent()))
        .addDisconnectedListener(c -> {
          if (c.getCause() instanceof Mqtt5DisconnectException e) {
            System.out.println("disconnected " + e.getMqttMessage().getReasonCode().getCode());
          }
        }).buildAsync();
    client.publishes(MqttGlobalPublishFilter.ALL, m -> message(m.getTopic(), m.getQos(), m.isRetain(), m.getPayloadAsBytes()));
    client.connectWith().cleanStart(clean).sessionExpiryInterval(EXPIRY_SECONDS).keepAlive(KEEP_ALIVE_SECONDS).send()
        .thenCompose(connack -> client.subscribeWith()
            .addSubscriptions(FILTERS.map(f -> Mqtt5Subscription.builder().topicFilter(f).qos(MqttQos.AT_LEAST_ONCE).build()).collect(Collectors.toList())).send())
        .whenComplete(Report::subscribed);
  }

  private static void three(MqttClientBuilder builder, boolean clean) {
    Mqtt3AsyncClient client = builder.useMqttVersion3()
        .addConnectedListener(c -> connected(((Mqtt3ClientConnectedContext) c).getConnAck().isSessionPresent())).buildAsync();
    client.publishes(MqttGlobalPublishFilter.ALL, m -> message(m.getTopic(), m.getQos(), m.isRetain(), m.getPayloadAsBytes()));
    client.connectWith().cleanSession(clean).keepAlive(KEEP_ALIVE_SECONDS).send()
        .thenCompose(connack -> client.subscribeWith()
            .addSubscriptions(FILTERS.map(f -> Mqtt3Subscription.builder().topicFilter(f).qos(MqttQos.AT_LEAST_ONCE).build()).collect(Collectors.toList())).send())
        .whenComplete(Report::subscribed);
  }

  private static void connected(boolean present) {
    System.out.println("connected " + (present ? 1 : 0));
  }

  private static void subscribed(Object suback, Throwable failure) {
    if (failure != null) {
      failure.printStackTrace();
      System.exit(1);
    }
    System.out.println("subscribed");
  }

  private static void message(Object topic, MqttQos qos, boolean retain, byte[] payload) {
    String number = new String(payload, StandardCharsets.US_ASCII).split(" ", 2)[0];
    System.out.println("message " + topic + " " + qos.getCode() + " " + (retain ? 1 : 0) + " - " + number);
  }
}
