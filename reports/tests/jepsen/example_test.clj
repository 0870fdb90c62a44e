; Tests in the manner of Jepsen's own, for translate.py: what it reads of Clojure, once each. Here Harrow agrees.
(ns harrow.example-test (:require [clojure [test :refer :all]]))

(defn op
  "An operation."
  [index process type f value]
  (h/op {:index index, :time index, :process process, :type type, :f f, :value value}))

(deftest aborted-test
  (let [write  (op 0 0 :invoke :send [[:send :x "a"] [:send :y "b"]])
        write' (op 1 0 :fail   :send [[:send :x "a"] [:send :y "b"]])
        read   (op 2 1 :invoke :poll [[:poll]])
        read'  (op 3 1 :ok     :poll [[:poll {:x [[0 "a"]]}]])
        found  (fn [history] (when-let [errors (-> history h/history analysis :errors :G1a)] (map :key errors)))]
    #_(is (= "what is left out" (found [write])))
    (is (= [:x] (found [write write' read read'])))
    (testing "that nobody has read"
      (is (nil? (found [write write']))))))

(deftest copies-test
  (let [values (into (sorted-set) (range 3))
        copies (loopr [at 0, ops []]
                      [value values]
                      (recur (+ at 4)
                             (conj ops
                                   (op (+ at 0) 0 :invoke :send [[:send :x value]])
                                   (op (+ at 1) 0 :ok     :send [[:send :x [value value]]])
                                   (op (+ at 2) 1 :invoke :poll [[:poll]])
                                   (op (+ at 3) 1 :ok     :poll [[:poll {:x [[(+ value 10) value]]}]])))
                      (analysis (h/history ops)))]
    (is (= values (->> (:duplicate (:errors copies)) (map :value) (into (sorted-set)))))))

(deftest seen-test
  (is (= [{:time 1, :unseen {:x 1}} {:time 3, :unseen {:x 0}}]
         (-> [(op 0 0 :invoke :send [[:send :x "a"]])
              (op 1 0 :ok     :send [[:send :x [0 "a"]]])
              (op 2 1 :invoke :poll [[:poll]])
              (op 3 1 :ok     :poll [[:poll {:x [[0 "a"]]}]])]
             h/history analysis :unseen))))

(deftest helper-test
  (is (= 3 (a-helper-of-the-tests 1 2))))
