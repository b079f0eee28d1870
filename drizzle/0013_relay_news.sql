-- Until when the relay wants to be told of appends, in unix milliseconds. A sequence, because writers read its value
-- without a lock, and a relay that asks again and again leaves no dead rows.
CREATE SEQUENCE "reconciler"."relay_awaits_news_until" AS bigint MINVALUE 0 START WITH 0 NO CYCLE;
--> statement-breakpoint
-- NOTIFY makes commits wait for one another, so it is done only while a relay has nothing else to do. A relay that died
-- asks no more, and its last question runs out by itself.
CREATE FUNCTION "reconciler"."tell_relay"() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF (SELECT last_value FROM reconciler.relay_awaits_news_until)
      > (extract(epoch FROM clock_timestamp()) * 1000)::bigint THEN
    NOTIFY reconciler_outbox;
  END IF;
  RETURN NULL;
END
$$;
--> statement-breakpoint
-- Once a statement, after its position was taken: a relay that asked before sees the notification, one that asked after
-- sees the position.
CREATE TRIGGER "outbox_tells_relay" AFTER INSERT ON "reconciler"."outbox"
  FOR EACH STATEMENT EXECUTE FUNCTION "reconciler"."tell_relay"();
