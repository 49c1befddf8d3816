BEGIN TRANSACTION;
CREATE TABLE balances (
	id INTEGER NOT NULL, 
	credits FLOAT NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "balances" VALUES(1,100.0,1700000000.0);
CREATE TABLE job_references (
	job_id VARCHAR(32) NOT NULL, 
	position INTEGER NOT NULL, 
	reference_id VARCHAR(64) NOT NULL, 
	PRIMARY KEY (job_id, position)
);
INSERT INTO "job_references" VALUES('0079672f1b6fb52c293c61a6a6623640',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('488216d9d1baac17ad17e41121129242',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('6c6dda1c0ee8a7ab56bc22b07f7487fb',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('7f12a877ad77bbc45b564a11fcd54a96',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('2a6f0b1eaae51509e620fb7ca829e3ff',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('ee8102d3a6657a0cf1eeccee753eb39f',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('5de1cd686d4dbef37ea917f43a5fca80',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('b081c8de565fa588de7066789fd4d50a',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
INSERT INTO "job_references" VALUES('7e9670c2b2b403cba324dfe5e10200aa',1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
CREATE TABLE jobs (
	id VARCHAR(32) NOT NULL, 
	submit_id VARCHAR(64) NOT NULL, 
	variant INTEGER NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	prompt TEXT NOT NULL, 
	aspect_ratio VARCHAR(8) NOT NULL, 
	resolution VARCHAR(8) NOT NULL, 
	output_format VARCHAR(8) NOT NULL, 
	task_id VARCHAR(200), 
	stage VARCHAR(40), 
	price_expected FLOAT, 
	credits FLOAT, 
	problem VARCHAR(40), 
	fail_code VARCHAR(20), 
	fail_message TEXT, 
	created_at FLOAT NOT NULL, 
	sent_at FLOAT, 
	accepted_at FLOAT, 
	ended_at FLOAT, 
	duration_s FLOAT, 
	next_at FLOAT, 
	attempts INTEGER NOT NULL, 
	server VARCHAR(32), 
	file VARCHAR(200), 
	file_kind VARCHAR(8), 
	file_bytes INTEGER, 
	width INTEGER, 
	height INTEGER, 
	PRIMARY KEY (id), 
	UNIQUE (submit_id, variant), 
	UNIQUE (task_id)
);
INSERT INTO "jobs" VALUES('0079672f1b6fb52c293c61a6a6623640','submit-0',1,'Ann','queued','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000000.0,NULL,NULL,NULL,NULL,1700000000.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('488216d9d1baac17ad17e41121129242','submit-1',1,'Ann','uploading','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000001.0,NULL,NULL,NULL,NULL,1700000001.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('6c6dda1c0ee8a7ab56bc22b07f7487fb','submit-2',1,'Ann','cancelled','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000002.0,NULL,NULL,NULL,NULL,1700000002.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('7f12a877ad77bbc45b564a11fcd54a96','submit-3',1,'Ann','sending','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000003.0,NULL,NULL,NULL,NULL,1700000003.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('2a6f0b1eaae51509e620fb7ca829e3ff','submit-4',1,'Ann','unsure','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000004.0,NULL,NULL,NULL,NULL,1700000004.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('ee8102d3a6657a0cf1eeccee753eb39f','submit-5',1,'Ann','running','a lighthouse','1:1','1K','png','task-5',NULL,18.0,NULL,NULL,NULL,NULL,1700000005.0,1700000000.0,1700000001.0,NULL,NULL,1700000005.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('5de1cd686d4dbef37ea917f43a5fca80','submit-6',1,'Ann','failed','a lighthouse','1:1','1K','png',NULL,NULL,18.0,NULL,NULL,NULL,NULL,1700000006.0,NULL,NULL,NULL,NULL,1700000006.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('b081c8de565fa588de7066789fd4d50a','submit-7',1,'Ann','fetching','a lighthouse','1:1','1K','png','task-7',NULL,18.0,NULL,NULL,NULL,NULL,1700000007.0,1700000000.0,1700000001.0,NULL,NULL,1700000007.0,0,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('7e9670c2b2b403cba324dfe5e10200aa','submit-8',1,'Ann','done','a lighthouse','1:1','1K','png','task-8',NULL,18.0,18.0,NULL,NULL,NULL,1700000008.0,1700000000.0,1700000001.0,1700000060.0,NULL,1700000008.0,0,NULL,'results/7e/7e9670c2b2b403cba324dfe5e10200aa.png','png',70,8,8);
CREATE TABLE meta (
	name VARCHAR(40) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('secret','ffef579913fa4fd4f68a080c2071780cbcd0822870c6a47909534a61e7e60270');
CREATE TABLE moves (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	state VARCHAR(16) NOT NULL, 
	at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "moves" VALUES(1,'0079672f1b6fb52c293c61a6a6623640','queued',1700000000.0);
INSERT INTO "moves" VALUES(2,'488216d9d1baac17ad17e41121129242','queued',1700000001.0);
INSERT INTO "moves" VALUES(3,'488216d9d1baac17ad17e41121129242','uploading',1700000002.0);
INSERT INTO "moves" VALUES(4,'6c6dda1c0ee8a7ab56bc22b07f7487fb','queued',1700000002.0);
INSERT INTO "moves" VALUES(5,'6c6dda1c0ee8a7ab56bc22b07f7487fb','cancelled',1700000002.0);
INSERT INTO "moves" VALUES(6,'7f12a877ad77bbc45b564a11fcd54a96','queued',1700000003.0);
INSERT INTO "moves" VALUES(7,'7f12a877ad77bbc45b564a11fcd54a96','uploading',1700000002.0);
INSERT INTO "moves" VALUES(8,'7f12a877ad77bbc45b564a11fcd54a96','sending',1700000002.0);
INSERT INTO "moves" VALUES(9,'2a6f0b1eaae51509e620fb7ca829e3ff','queued',1700000004.0);
INSERT INTO "moves" VALUES(10,'2a6f0b1eaae51509e620fb7ca829e3ff','uploading',1700000002.0);
INSERT INTO "moves" VALUES(11,'2a6f0b1eaae51509e620fb7ca829e3ff','sending',1700000002.0);
INSERT INTO "moves" VALUES(12,'2a6f0b1eaae51509e620fb7ca829e3ff','unsure',1700000002.0);
INSERT INTO "moves" VALUES(13,'ee8102d3a6657a0cf1eeccee753eb39f','queued',1700000005.0);
INSERT INTO "moves" VALUES(14,'ee8102d3a6657a0cf1eeccee753eb39f','uploading',1700000002.0);
INSERT INTO "moves" VALUES(15,'ee8102d3a6657a0cf1eeccee753eb39f','sending',1700000002.0);
INSERT INTO "moves" VALUES(16,'ee8102d3a6657a0cf1eeccee753eb39f','running',1700000002.0);
INSERT INTO "moves" VALUES(17,'5de1cd686d4dbef37ea917f43a5fca80','queued',1700000006.0);
INSERT INTO "moves" VALUES(18,'5de1cd686d4dbef37ea917f43a5fca80','uploading',1700000002.0);
INSERT INTO "moves" VALUES(19,'5de1cd686d4dbef37ea917f43a5fca80','sending',1700000002.0);
INSERT INTO "moves" VALUES(20,'5de1cd686d4dbef37ea917f43a5fca80','failed',1700000002.0);
INSERT INTO "moves" VALUES(21,'b081c8de565fa588de7066789fd4d50a','queued',1700000007.0);
INSERT INTO "moves" VALUES(22,'b081c8de565fa588de7066789fd4d50a','uploading',1700000002.0);
INSERT INTO "moves" VALUES(23,'b081c8de565fa588de7066789fd4d50a','sending',1700000002.0);
INSERT INTO "moves" VALUES(24,'b081c8de565fa588de7066789fd4d50a','running',1700000002.0);
INSERT INTO "moves" VALUES(25,'b081c8de565fa588de7066789fd4d50a','fetching',1700000002.0);
INSERT INTO "moves" VALUES(26,'7e9670c2b2b403cba324dfe5e10200aa','queued',1700000008.0);
INSERT INTO "moves" VALUES(27,'7e9670c2b2b403cba324dfe5e10200aa','uploading',1700000002.0);
INSERT INTO "moves" VALUES(28,'7e9670c2b2b403cba324dfe5e10200aa','sending',1700000002.0);
INSERT INTO "moves" VALUES(29,'7e9670c2b2b403cba324dfe5e10200aa','running',1700000002.0);
INSERT INTO "moves" VALUES(30,'7e9670c2b2b403cba324dfe5e10200aa','fetching',1700000002.0);
INSERT INTO "moves" VALUES(31,'7e9670c2b2b403cba324dfe5e10200aa','done',1700000002.0);
CREATE TABLE "references" (
	id VARCHAR(64) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	kind VARCHAR(8) NOT NULL, 
	width INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	bytes INTEGER NOT NULL, 
	file VARCHAR(200) NOT NULL, 
	created_at FLOAT NOT NULL, 
	checked_at FLOAT, 
	refusal TEXT, 
	uploaded_url TEXT, 
	uploaded_to VARCHAR(200), 
	uploaded_at FLOAT, 
	PRIMARY KEY (id)
);
INSERT INTO "references" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','cat.png','png',8,8,80,'references/aa/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.png',1700000000.0,1700000000.0,NULL,NULL,NULL,NULL);
CREATE TABLE sends (
	id INTEGER NOT NULL, 
	job_id VARCHAR(32) NOT NULL, 
	person VARCHAR(200) NOT NULL, 
	at FLOAT NOT NULL, 
	answered_at FLOAT, 
	PRIMARY KEY (id)
);
CREATE TABLE servers (
	id VARCHAR(32) NOT NULL, 
	seen_at FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX jobs_state ON jobs (state, person, created_at);
CREATE INDEX jobs_ended ON jobs (person, ended_at);
CREATE INDEX jobs_learned ON jobs (resolution, state, ended_at);
CREATE INDEX jobs_newest ON jobs (created_at, id);
CREATE INDEX jobs_due ON jobs (next_at);
CREATE INDEX ix_job_references_reference_id ON job_references (reference_id);
CREATE INDEX ix_moves_job_id ON moves (job_id);
CREATE INDEX ix_sends_job_id ON sends (job_id);
CREATE INDEX ix_sends_answered_at ON sends (answered_at);
CREATE INDEX ix_sends_at ON sends (at);
CREATE INDEX ix_balances_at ON balances (at);
COMMIT;
