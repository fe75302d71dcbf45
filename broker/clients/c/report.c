/* Subscribes to state/#, event/# and final/# with Eclipse Paho's C library, connects again when the connection is lost, and reports as
   e2e/report_test.go says.

   report HOST PORT VERSION CLIENT-ID resume|clean */
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <MQTTAsync.h>

enum { KEEP_ALIVE_S = 240, EXPIRY_S = 600, PAUSE_US = 200000, FILTERS = 3 };

static MQTTAsync client;
static int v5;
static sem_t lost; /* the connection, or it did not come about */

static void fail(const char *what, int code) {
  fprintf(stderr, "%s: %d\n", what, code);
  exit(1);
}

static void subscribed(void) { printf("subscribed\n"); }
static void on_subscribed(void *context, MQTTAsync_successData *data) { (void)context, (void)data, subscribed(); }
static void on_subscribed5(void *context, MQTTAsync_successData5 *data) { (void)context, (void)data, subscribed(); }
static void on_refused(void *context, MQTTAsync_failureData *data) { (void)context, fail("subscribe", data->code); }
static void on_refused5(void *context, MQTTAsync_failureData5 *data) { (void)context, fail("subscribe", data->reasonCode); }

static void connected(int present) {
  printf("connected %d\n", present);
  if (present) return;
  char *filters[FILTERS] = {"state/#", "event/#", "final/#"};
  int qos[FILTERS] = {1, 1, 1};
  MQTTAsync_responseOptions o = MQTTAsync_responseOptions_initializer;
  if (v5) {
    o.onSuccess5 = on_subscribed5, o.onFailure5 = on_refused5;
  } else {
    o.onSuccess = on_subscribed, o.onFailure = on_refused;
  }
  int rc = MQTTAsync_subscribeMany(client, FILTERS, filters, qos, &o);
  if (rc) fail("subscribe", rc);
}

static void on_connected(void *context, MQTTAsync_successData *data) { (void)context, connected(data->alt.connect.sessionPresent); }
static void on_connected5(void *context, MQTTAsync_successData5 *data) { (void)context, connected(data->alt.connect.sessionPresent); }

static void not_connected(int code) {
  fprintf(stderr, "connect: %d\n", code);
  sem_post(&lost);
}

static void on_failure(void *context, MQTTAsync_failureData *data) { (void)context, not_connected(data ? data->code : 0); }
static void on_failure5(void *context, MQTTAsync_failureData5 *data) { (void)context, not_connected(data ? data->code : 0); }

static void on_lost(void *context, char *cause) {
  (void)context, (void)cause;
  sem_post(&lost);
}

static void on_disconnect(void *context, MQTTProperties *properties, enum MQTTReasonCodes reason) {
  (void)context, (void)properties;
  printf("disconnected %d\n", reason);
}

static int on_message(void *context, char *topic, int topic_bytes, MQTTAsync_message *m) {
  (void)context, (void)topic_bytes;
  int number = 0; /* the payload does not end with a zero byte */
  for (const char *p = m->payload, *end = p + m->payloadlen; p < end && *p >= '0' && *p <= '9'; p++) number = number * 10 + (*p - '0');
  printf("message %s %d %d %d %d\n", topic, m->qos, m->retained, m->dup, number);
  MQTTAsync_freeMessage(&m);
  MQTTAsync_free(topic);
  return 1;
}

int main(int argc, char **argv) {
  if (argc != 6) return fprintf(stderr, "report HOST PORT VERSION CLIENT-ID resume|clean\n"), 2;
  int clean = !strcmp(argv[5], "clean");
  v5 = !strcmp(argv[3], "5");
  char uri[256];
  snprintf(uri, sizeof uri, "tcp://%s:%s", argv[1], argv[2]);
  setvbuf(stdout, NULL, _IOLBF, 0);
  sem_init(&lost, 0, 0);
  MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer;
  create.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  int rc = MQTTAsync_createWithOptions(&client, uri, argv[4], MQTTCLIENT_PERSISTENCE_NONE, NULL, &create);
  if (rc) fail("create", rc);
  MQTTAsync_setCallbacks(client, NULL, on_lost, on_message, NULL);
  MQTTProperties properties = MQTTProperties_initializer;
  MQTTAsync_connectOptions three = MQTTAsync_connectOptions_initializer, five = MQTTAsync_connectOptions_initializer5, *o = v5 ? &five : &three;
  if (v5) {
    MQTTAsync_setDisconnected(client, NULL, on_disconnect);
    MQTTProperty expiry = {.identifier = MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, .value.integer4 = EXPIRY_S};
    MQTTProperties_add(&properties, &expiry);
    o->cleanstart = clean, o->connectProperties = &properties, o->onSuccess5 = on_connected5, o->onFailure5 = on_failure5;
  } else {
    o->MQTTVersion = MQTTVERSION_3_1_1, o->cleansession = clean, o->onSuccess = on_connected, o->onFailure = on_failure;
  }
  o->keepAliveInterval = KEEP_ALIVE_S;
  for (;; usleep(PAUSE_US)) {
    if ((rc = MQTTAsync_connect(client, o))) {
      fprintf(stderr, "connect: %d\n", rc);
      continue;
    }
    sem_wait(&lost);
  }
}
