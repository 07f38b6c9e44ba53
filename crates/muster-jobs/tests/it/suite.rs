//! One suite for both databases: a case that is named in `suite!` runs as `sqlite::…` and as `postgres::…` of its file.

macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            use crate::world::World;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(World::new(None).await).await;
                }
            )*
        }

        mod postgres {
            use muster_testkit::Postgres;

            use crate::world::World;

            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let server = Postgres::start();
                    super::$case(World::new(Some(server.url())).await).await;
                }
            )*
        }
    };
}
